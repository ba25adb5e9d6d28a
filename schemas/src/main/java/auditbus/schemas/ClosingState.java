// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

/** Which states of a trail are its last: nothing more is sent of it, and its size is final. */
public final class ClosingState {
  private static final String OPEN_NAME = ".not_terminated";

  private ClosingState() {}

  /**
   * Whether it is one: TERMINATED, CRASH_RECOVERED, and DROPPED if the name is a closed trail's,
   * for of one that is still written bytes may be given up, too.
   */
  public static boolean isOne(TrailState state) {
    return switch (state.getState()) {
      case TERMINATED, CRASH_RECOVERED -> true;
      case DROPPED -> !state.getName().endsWith(OPEN_NAME);
      case OPENED, UNKNOWN -> false;
    };
  }
}
