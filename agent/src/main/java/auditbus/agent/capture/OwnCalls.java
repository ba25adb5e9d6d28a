// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import auditbus.agent.trail.TrailPlace;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/**
 * Tells whether the trail is filled by records of the agent's own calls: a listener beside an audit
 * daemon is audited as anybody, and where a rule matches what receiving takes, every record makes
 * the next.
 *
 * <p>Not thread-safe.
 */
final class OwnCalls {
  private static final int TAIL_BYTES = 16 * 1024;
  private static final int FEWEST = 8;

  private static final Path SELF = Path.of("/proc/self");

  private final Supplier<Optional<TrailPlace>> place;
  private final int ownPid;
  private final Pattern own;
  private String trail = "";
  private long seen;

  OwnCalls(Supplier<Optional<TrailPlace>> place, int ownPid) {
    this.place = place;
    this.ownPid = ownPid;
    this.own = Pattern.compile("(?m)^type=SYSCALL [^\"]* pid=" + ownPid + " ");
  }

  /**
   * The command that leaves them out: by a user of the agent's own, which outlives restarts, else
   * by pid. Not by program: that is java, and others' too.
   */
  String rule() {
    int uid = 0;
    try {
      uid = (Integer) Files.getAttribute(SELF, "unix:uid");
    } catch (IOException e) {
      // then by pid
    }
    return "auditctl -A never,exit -F " + (uid == 0 ? "pid=" + ownPid : "uid=" + uid);
  }

  /** Leaves what is there: it may be of a loop that was ended. */
  void skip() {
    place.get().ifPresent(this::skipTo);
  }

  private void skipTo(TrailPlace end) {
    trail = end.trail();
    seen = end.position();
  }

  /** Whether most calls in what was last written are the agent's. */
  boolean fillTheTrail() {
    Optional<TrailPlace> end = place.get();
    if (end.isEmpty()) {
      return false;
    }
    long known = end.get().trail().equals(trail) ? seen : 0;
    long from = Math.max(known, end.get().position() - TAIL_BYTES);
    skipTo(end.get());
    if (from >= end.get().position()) {
      return false;
    }
    ByteBuffer bytes = ByteBuffer.allocate(TAIL_BYTES);
    try (FileChannel file = FileChannel.open(end.get().path(), StandardOpenOption.READ)) {
      file.read(bytes, from);
    } catch (IOException e) {
      return false; // renamed this moment: the next look has it
    }
    String text = new String(bytes.array(), 0, bytes.position(), StandardCharsets.ISO_8859_1);
    long calls = text.lines().filter(line -> line.startsWith("type=SYSCALL ")).count();
    long ours = own.matcher(text).results().count();
    return ours >= FEWEST && ours * 2 > calls;
  }
}
