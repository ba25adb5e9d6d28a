// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import auditbus.agent.trail.Checkpoint.ClosedMark;
import auditbus.agent.trail.Discovery.Found;
import java.io.IOException;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A trail whose closing state is acknowledged: it never changes, and its file is only to be known
 * again. One thread owns it.
 */
final class ClosedTrail {
  private final ClosedMark mark;
  private boolean verified;
  private OptionalLong modifiedMillis = OptionalLong.empty();
  private int seenAtLook;

  ClosedTrail(ClosedMark mark, boolean verified) {
    this.mark = mark;
    this.verified = verified;
  }

  ClosedMark mark() {
    return mark;
  }

  /** Whether the file found is still this trail's; what has grown since is another incarnation. */
  boolean isIn(Found found) throws IOException {
    if (mark.size() != found.size()
        || (found.name().isPresent() && !mark.id().startsWith(found.name().get().start()))) {
      return false;
    }
    if (!verified) {
      FileIdentity identity =
          new FileIdentity(mark.inode(), mark.identityLength(), mark.identityDigest());
      verified = identity.matches(found.path());
    } else if (modifiedMillis.isPresent() && modifiedMillis.getAsLong() != found.modifiedMillis()) {
      verified = hasSameBytes(found); // touched, or written over
    }
    modifiedMillis = OptionalLong.of(found.modifiedMillis());
    return verified;
  }

  private boolean hasSameBytes(Found found) throws IOException {
    try (FollowedFile file = new FollowedFile(mark.id(), mark.inode(), Optional.of(found.path()))) {
      return mark.knownSha256().filter(file.digest(mark.size())::equals).isPresent();
    }
  }

  /** It is in the listing of that look. */
  void seenAt(int look) {
    seenAtLook = look;
  }

  boolean wasSeenAt(int look) {
    return seenAtLook == look;
  }
}
