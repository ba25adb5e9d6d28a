// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/** Messages copied out of a batch. */
record Received(int type, int sequence, int sender, boolean truncated, String text) {
  static final Duration DEADLINE = Duration.ofSeconds(20);

  static List<Received> of(MessageBatch batch) {
    List<Received> messages = new ArrayList<>();
    for (int i = 0; i < batch.count(); i++) {
      byte[] payload = new byte[batch.length(i)];
      batch.buffer().get(batch.offset(i), payload);
      messages.add(
          new Received(
              batch.type(i),
              batch.sequence(i),
              batch.senderPortId(i),
              batch.truncated(i),
              new String(payload, StandardCharsets.ISO_8859_1)));
    }
    return messages;
  }

  /** All that come up to the one that is waited for. */
  static List<Received> until(AuditSocket socket, Predicate<Received> last)
      throws NetlinkException {
    MessageBatch batch = new MessageBatch();
    List<Received> messages = new ArrayList<>();
    long deadline = System.nanoTime() + DEADLINE.toNanos();
    while (messages.stream().noneMatch(last)) {
      if (System.nanoTime() > deadline) {
        throw new AssertionError("it did not come within " + DEADLINE + ": " + messages);
      }
      socket.receive(batch, 100);
      messages.addAll(of(batch));
    }
    return messages;
  }

  /** All that are there. */
  static List<Received> all(AuditSocket socket) throws NetlinkException {
    MessageBatch batch = new MessageBatch();
    List<Received> messages = new ArrayList<>();
    while (socket.receive(batch, 0) > 0) {
      messages.addAll(of(batch));
    }
    return messages;
  }
}
