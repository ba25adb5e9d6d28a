// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

/** Which source of which host: a checked {@link TrailId} without its trail. */
record SourceId(String host, String source) {
  private static final String ANY_TRAIL = "0".repeat(TrailId.START_DIGITS);

  SourceId {
    TrailId checked = new TrailId(host, source, ANY_TRAIL);
    host = checked.host();
  }

  static SourceId of(TrailId id) {
    return new SourceId(id.host(), id.source());
  }

  @Override
  public String toString() {
    return host + "/" + source;
  }
}
