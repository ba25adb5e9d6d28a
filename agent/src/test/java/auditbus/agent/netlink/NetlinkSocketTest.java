// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What the kernel's audit never sends, sent over {@code NETLINK_USERSOCK} from one socket of ours
 * to another; needs no privilege.
 */
@Timeout(60)
class NetlinkSocketTest {
  private static final int NETLINK_USERSOCK = 2;
  private static final int GROUPS = 1 << 6;
  private static final int PORT_ID_AT = 4;
  private static final int GROUPS_AT = 8;
  private static final int MESSAGE_AT = 16;

  private NetlinkSocket sender;
  private NetlinkSocket receiver;
  private final MessageBatch batch = new MessageBatch(8, 64);

  @BeforeEach
  void open() throws Exception {
    sender = NetlinkSocket.open(NETLINK_USERSOCK, 0);
    receiver = NetlinkSocket.open(NETLINK_USERSOCK, GROUPS);
  }

  @AfterEach
  void close() {
    sender.close();
    receiver.close();
  }

  @Test
  void sender_isThePortTheKernelVouchesFor() throws Exception {
    send(message(1300, 7, "x", 0));
    assertThat(receiver.receive(batch, 1000)).isEqualTo(1);
    assertThat(batch.senderPortId(0)).isEqualTo(sender.portId()).isNotZero();
  }

  @Test
  void length_isWhatCameAndNotWhatTheHeaderSays() throws Exception {
    for (int lie : new int[] {0, 1, 15, 16, 5000, -1, Integer.MIN_VALUE}) {
      send(message(1300, 7, "audit(1.2:3): a=b", lie));
      assertThat(receiver.receive(batch, 1000)).isEqualTo(1);
      assertThat(Received.of(batch))
          .containsExactly(new Received(1300, 7, sender.portId(), false, "audit(1.2:3): a=b"));
    }
  }

  @Test
  void datagramWithoutWholeHeader_hasNoTypeAndNothingOfAnEarlierOne() throws Exception {
    for (int length = 1; length <= 16; length++) {
      send(message(1300, 7, "earlier", 0));
      assertThat(receiver.receive(batch, 1000)).isEqualTo(1);
      byte[] datagram = new byte[length];
      Arrays.fill(datagram, (byte) 1);
      send(datagram);
      assertThat(receiver.receive(batch, 1000)).isEqualTo(1);
      assertThat(batch.type(0)).isEqualTo(length < 16 ? -1 : 0x0101);
      assertThat(batch.sequence(0)).isEqualTo(length < 16 ? 0 : 0x01010101);
      assertThat(batch.length(0)).isZero();
      assertThat(batch.truncated(0)).isFalse();
      assertThat(batch.senderPortId(0)).isEqualTo(sender.portId());
    }
  }

  @Test
  void largestAuditMessage_fitsADefaultSlot() throws Exception {
    MessageBatch full = new MessageBatch();
    String text = "0123456789".repeat(897);
    send(message(1300, 1, text, 0));
    send(message(1301, 2, "after", 0));
    receiver.receive(full, 1000);
    assertThat(Received.of(full))
        .containsExactly(
            new Received(1300, 1, sender.portId(), false, text),
            new Received(1301, 2, sender.portId(), false, "after"));
  }

  @Test
  void moreThanASlotHolds_isCutAndFlagged() throws Exception {
    send(message(1300, 1, "a".repeat(64), 0));
    send(message(1301, 2, "b".repeat(65), 0));
    send(message(1302, 3, "c", 0));
    receiver.receive(batch, 1000);
    assertThat(Received.of(batch))
        .containsExactly(
            new Received(1300, 1, sender.portId(), false, "a".repeat(64)),
            new Received(1301, 2, sender.portId(), true, "b".repeat(64)),
            new Received(1302, 3, sender.portId(), false, "c"));
  }

  @Test
  void batch_takesAllThereIsAndLeavesWhatDoesNotFit() throws Exception {
    for (int i = 0; i < 19; i++) {
      send(message(1300, i, "m" + i, 0));
    }
    List<Integer> sequences = new ArrayList<>();
    List<Integer> counts = new ArrayList<>();
    for (int received = receiver.receive(batch, 0);
        received > 0;
        received = receiver.receive(batch, 0)) {
      counts.add(received);
      Received.of(batch).forEach(message -> sequences.add(message.sequence()));
    }
    assertThat(counts).containsExactly(8, 8, 3);
    assertThat(sequences).hasSize(19).isSorted();
    assertThat(batch.count()).isZero();
  }

  @Test
  void removedMessage_isGoneAndTheOthersStay() throws Exception {
    for (int i = 0; i < 4; i++) {
      send(message(1300 + i, i, "m" + i, 0));
    }
    receiver.receive(batch, 1000);
    batch.remove(1);
    batch.remove(2);
    assertThat(Received.of(batch)).extracting(Received::text).containsExactly("m0", "m2");
    assertThatThrownBy(() -> batch.type(2)).isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void nothingInTime_isZeroAndNoSoonerThanAsked() throws Exception {
    long start = System.nanoTime();
    assertThat(receiver.receive(batch, 120)).isZero();
    assertThat(System.nanoTime() - start)
        .isGreaterThanOrEqualTo(TimeUnit.MILLISECONDS.toNanos(119));
    assertThat(receiver.receive(batch, 0)).isZero();
  }

  @Test
  void fullReceiveBuffer_isCountedAndWhatFitsIsReceived() throws Exception {
    receiver.receiveBuffer(1);
    int sent = 200;
    for (int i = 0; i < sent; i++) {
      broadcast(message(1300, i, "m" + i, 0));
    }
    int received = drain();
    assertThat(received).isPositive().isLessThan(sent);
    assertThat(receiver.overruns()).isEqualTo(1);
    assertThat(receiver.drops()).isEqualTo(sent - received);

    for (int i = 0; i < sent; i++) {
      broadcast(message(1300, i, "m" + i, 0));
    }
    int again = drain();
    assertThat(receiver.overruns()).isEqualTo(2);
    assertThat(receiver.drops()).isEqualTo(2L * sent - received - again);
    receiver.close();
    assertThat(receiver.drops()).isEqualTo(2L * sent - received - again);
  }

  @Test
  void receiveBuffer_isWhatTheKernelMadeOfIt() throws Exception {
    receiver.receiveBuffer(100_000);
    assertThat(receiver.receiveBufferBytes()).isEqualTo(200_000);
  }

  @Test
  void close_whileAnotherThreadWaits_leavesItTheDescriptorUntilItsTimeout() throws Exception {
    AtomicReference<Thread> waiter = new AtomicReference<>();
    CompletableFuture<Integer> waiting =
        CompletableFuture.supplyAsync(
            () -> {
              waiter.set(Thread.currentThread());
              try {
                return receiver.receive(batch, 500);
              } catch (NetlinkException e) {
                return -e.errno();
              }
            });
    while (!isCalling(waiter.get())) {
      Thread.onSpinWait();
    }
    receiver.close();
    receiver.close();
    assertThat(waiting.get(20, TimeUnit.SECONDS)).isZero();
    assertThat(receiver.receiveBufferBytes()).isZero();
    assertThatThrownBy(() -> receiver.receive(batch, 0))
        .isInstanceOf(NetlinkException.class)
        .hasMessageContaining("EBADF (9): it is closed");
  }

  @Test
  void inheritedDescriptor_mustBeTheSocketThatIsWanted() throws Exception {
    assertThatThrownBy(() -> NetlinkSocket.inherited(0, NETLINK_USERSOCK, GROUPS))
        .isInstanceOf(NetlinkException.class)
        .hasMessageContaining("inherited file descriptor 0: ENOTSOCK (88)");
    assertThatThrownBy(() -> NetlinkSocket.inherited(987_654, NETLINK_USERSOCK, GROUPS))
        .isInstanceOf(NetlinkException.class)
        .hasMessageContaining("EBADF (9)");
  }

  @Test
  void control_skipsAnswersToOthersAndTakesItsOwn() throws Exception {
    try (AuditControl control = new AuditControl(sender, receiver.portId(), 5000)) {
      CompletableFuture<String> asked =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return control.status().toString();
                } catch (NetlinkException e) {
                  return e.toString();
                }
              });
      MessageBatch requests = new MessageBatch(4, 2048);
      assertThat(receiver.receive(requests, 5000)).isEqualTo(1);
      int sequence = requests.sequence(0);
      int asker = requests.senderPortId(0);
      answer(receiver, asker, status(sequence - 1, 11));
      answer(
          receiver,
          asker,
          message(Netlink.NLMSG_ERROR, sequence + 1, "\u00ff\u00ff\u00ff\u00ff", 0));
      answer(receiver, asker, message(Netlink.AUDIT_GET, sequence, "short", 0));
      try (NetlinkSocket forger = NetlinkSocket.open(NETLINK_USERSOCK, 0)) {
        answer(forger, asker, status(sequence, 666));
      }
      answer(receiver, asker, status(sequence, 42));
      assertThat(asked.get(20, TimeUnit.SECONDS)).contains("pid=42");
    }
  }

  @Test
  void control_givesUpAnAnswerThatDoesNotComeAndThenSkipsIt() throws Exception {
    try (AuditControl control = new AuditControl(sender, receiver.portId(), 200)) {
      long start = System.nanoTime();
      assertThatThrownBy(control::status)
          .isInstanceOf(NetlinkException.class)
          .hasMessage(
              "AUDIT_GET: ETIMEDOUT (110): no answer in 200 ms, 0 to other requests skipped");
      assertThat(System.nanoTime() - start).isLessThan(TimeUnit.SECONDS.toNanos(10));
      MessageBatch requests = new MessageBatch(4, 2048);
      receiver.receive(requests, 1000);
      answer(receiver, sender.portId(), status(requests.sequence(0), 42));
      assertThatThrownBy(control::status)
          .hasMessageContaining("no answer in 200 ms, 1 to other requests skipped");
    }
  }

  @Test
  void control_reportsARefusalWithItsErrno() throws Exception {
    try (AuditControl control = new AuditControl(sender, receiver.portId(), 5000)) {
      CompletableFuture<Integer> asked =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  control.backlogLimit(1);
                  return 0;
                } catch (NetlinkException e) {
                  return e.errno();
                }
              });
      MessageBatch requests = new MessageBatch(4, 2048);
      receiver.receive(requests, 5000);
      ByteBuffer refusal = ByteBuffer.allocate(36).order(ByteOrder.nativeOrder());
      refusal.putInt(36).putShort((short) Netlink.NLMSG_ERROR).putShort((short) 0);
      refusal.putInt(requests.sequence(0)).putInt(0).putInt(-Errno.EINVAL);
      answer(receiver, requests.senderPortId(0), refusal.array());
      assertThat(asked.get(20, TimeUnit.SECONDS)).isEqualTo(Errno.EINVAL);
    }
  }

  private static boolean isCalling(Thread thread) {
    return thread != null
        && Arrays.stream(thread.getStackTrace())
            .anyMatch(frame -> frame.getClassName().equals(LibC.class.getName()));
  }

  private int drain() throws NetlinkException {
    int received = 0;
    for (int now = receiver.receive(batch, 0); now > 0; now = receiver.receive(batch, 0)) {
      received += now;
    }
    return received;
  }

  private void send(byte[] datagram) {
    assertThat(sendTo(sender, receiver.portId(), 0, datagram)).isEqualTo(datagram.length);
  }

  private void broadcast(byte[] datagram) {
    // Besides the group it is for port 0, and for this protocol there is no kernel.
    assertThat(sendTo(sender, 0, GROUPS, datagram)).isEqualTo(-Errno.ECONNREFUSED);
  }

  private static void answer(NetlinkSocket from, int portId, byte[] datagram) {
    assertThat(sendTo(from, portId, 0, datagram)).isEqualTo(datagram.length);
  }

  static int sendTo(NetlinkSocket from, int portId, int groups, byte[] datagram) {
    ByteBuffer memory =
        ByteBuffer.allocateDirect(MESSAGE_AT + datagram.length).order(ByteOrder.nativeOrder());
    memory.putShort(0, (short) Netlink.AF_NETLINK);
    memory.putInt(PORT_ID_AT, portId);
    memory.putInt(GROUPS_AT, groups);
    memory.put(MESSAGE_AT, datagram);
    return LibC.sendto(
        from.descriptor(), memory, Netlink.ADDRESS_BYTES, MESSAGE_AT, datagram.length);
  }

  static byte[] message(int type, int sequence, String text, int headerLength) {
    ByteBuffer datagram =
        ByteBuffer.allocate(Netlink.HEADER_BYTES + text.length()).order(ByteOrder.nativeOrder());
    datagram.putInt(headerLength).putShort((short) type).putShort((short) 0).putInt(sequence);
    datagram.putInt(0).put(text.getBytes(StandardCharsets.ISO_8859_1));
    return datagram.array();
  }

  private static byte[] status(int sequence, int pid) {
    ByteBuffer datagram =
        ByteBuffer.allocate(Netlink.HEADER_BYTES + AuditStatus.BYTES)
            .order(ByteOrder.nativeOrder());
    datagram.putShort(4, (short) Netlink.AUDIT_GET).putInt(8, sequence);
    datagram.putInt(Netlink.HEADER_BYTES + 3 * Integer.BYTES, pid);
    return datagram.array();
  }
}
