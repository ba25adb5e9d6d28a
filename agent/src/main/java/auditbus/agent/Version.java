// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

/** The agent's version, from its jar's manifest. */
final class Version {
  private Version() {}

  static String get() {
    String version = Version.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
