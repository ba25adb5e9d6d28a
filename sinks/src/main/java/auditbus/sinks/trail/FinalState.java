// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import java.util.List;
import java.util.Optional;

/**
 * How a trail ended, as its agent said.
 *
 * @param status TERMINATED, CRASH_RECOVERED or DROPPED
 * @param name the name the finished file gets
 * @param size the trail's size in bytes
 * @param sha256 64 lower-case hex digits; empty where the agent lost bytes and cannot know it
 * @param cause why, where it is not the ordinary way
 * @param dropped ranges that will never be sent; they count only where the digest is not known
 * @param previous id of the trail of the source that was closed before this one, where there is one
 * @param previousSha256 its SHA-256, where the agent knows it
 */
record FinalState(
    TrailStatus status,
    FinalName name,
    long size,
    Optional<String> sha256,
    Optional<String> cause,
    List<Span> dropped,
    Optional<String> previous,
    Optional<String> previousSha256) {
  FinalState {
    dropped = List.copyOf(dropped);
    if (size < 0) {
      throw new InvalidRecordException("trail " + name.trail() + ": size " + size + " below 0");
    }
    checkDigest(name, "sha256", sha256);
    checkDigest(name, "previousSha256", previousSha256);
    if (previous.isPresent() && !TrailId.isTrail(previous.get())) {
      throw new InvalidRecordException(
          "trail "
              + name.trail()
              + ": previous "
              + TrailId.quoted(previous.get())
              + " is no trail id");
    }
  }

  private static void checkDigest(FinalName name, String what, Optional<String> digest) {
    if (digest.isPresent() && !digest.get().matches("[0-9a-f]{64}")) {
      throw new InvalidRecordException(
          "trail "
              + name.trail()
              + ": "
              + what
              + " "
              + TrailId.quoted(digest.get())
              + " is not 64 lower-case hex digits");
    }
  }

  /** Whether name, size and digest are the same: what the finished file depends on. */
  boolean saysTheSame(FinalState other) {
    return name.equals(other.name) && size == other.size && sha256.equals(other.sha256);
  }

  /** The final state a message tells of; empty while the trail goes on. */
  static Optional<FinalState> of(TrailState state) {
    boolean open = state.getName().equals(state.getTrail() + FinalName.NOT_TERMINATED);
    switch (state.getState()) {
      case OPENED -> {
        return Optional.empty();
      }
      case DROPPED -> {
        if (open) {
          return Optional.empty();
        }
      }
      case TERMINATED, CRASH_RECOVERED -> {}
      case UNKNOWN ->
          throw new InvalidRecordException(
              "trail "
                  + TrailId.quoted(state.getTrail())
                  + ": a state this version does not know; update the sink");
    }
    return Optional.of(
        new FinalState(
            state.getState(),
            new FinalName(state.getTrail(), state.getName()),
            state.getSize(),
            state.getSha256(),
            state.getCause(),
            dropped(state),
            state.getPrevious(),
            state.getPreviousSha256()));
  }

  /** The ranges a message says will never be sent. */
  static List<Span> dropped(TrailState state) {
    if (state.getDropped().size() > Limits.MAX_RANGES) {
      throw new InvalidRecordException(
          "trail "
              + TrailId.quoted(state.getTrail())
              + ": "
              + state.getDropped().size()
              + " ranges given up, wanted at most "
              + Limits.MAX_RANGES);
    }
    return Span.of(state.getDropped());
  }
}
