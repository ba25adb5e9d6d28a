// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.netlink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.util.Objects;

/**
 * Room for the messages of one receiving call, outside the heap, and a table of those in it.
 *
 * <p>A message is whatever datagram came: its length is what the kernel handed over and never what
 * its header says (audit records say 16 too little), its sender is the port id the kernel vouches
 * for. Whoever takes it for a record of the kernel's must see that {@link #senderPortId} is 0: root
 * can send anything to anybody's port.
 *
 * <p>One piece of memory. The structs are those of recvmmsg(2) on 64-bit Linux ({@code
 * linux/socket.h}, {@code linux/uio.h}, {@code linux/netlink.h}), in the host's byte order:
 *
 * <pre>
 *   struct mmsghdr × N   0 name*   8 namelen   16 iov*   24 iovlen   32 control*   40 controllen
 *                       48 flags  56 len                                               64 bytes each
 *   struct iovec × N     0 base*   8 len: one of the slots below                       16 bytes each
 *   struct sockaddr_nl × N  0 u16 family   4 u32 nl_pid   8 u32 nl_groups              16 bytes each
 *   slot × N             0 struct nlmsghdr: 0 u32 len  4 u16 type  6 u16 flags  8 u32 seq  12 u32 pid
 *                       16 payload                                        16 + slotBytes bytes each
 * </pre>
 *
 * What the kernel tells beside the message stands together, so that it is had in two bulk copies
 * and not by a read of foreign memory per field. A header stands before its payload: a vector of
 * two parts each costs the kernel more than reading the type from the slot costs here.
 *
 * <p>Not thread-safe: one thread receives into it and reads it. The memory goes when the batch is
 * no longer referred to.
 */
public final class MessageBatch {
  /** Messages a call takes at most. */
  public static final int DEFAULT_MESSAGES = 256;

  /** Bytes of payload a message may have: {@code MAX_AUDIT_MESSAGE_LENGTH} is 8970. */
  public static final int DEFAULT_SLOT_BYTES = 9216;

  private static final int VECTOR_BYTES = 64;
  private static final int IOVEC_BYTES = 16;
  private static final int SENDER_BYTES = 16;
  private static final int TYPE_OFFSET = 4;
  private static final int SEQUENCE_OFFSET = 8;

  private static final int VECTOR_INTS = VECTOR_BYTES / Integer.BYTES;
  private static final int SENDER_INTS = SENDER_BYTES / Integer.BYTES;

  private final int capacity;
  private final int slotBytes;
  private final ByteBuffer memory;
  private final ByteBuffer slots;
  private final IntBuffer vectors;
  private final IntBuffer addresses;

  // Copies of what the kernel wrote, and the table made of them.
  private final int[] vectorInts;
  private final int[] addressInts;
  private final int[] types;
  private final int[] sequences;
  private final int[] senders;
  private final int[] offsets;
  private final int[] lengths;
  private final boolean[] truncated;
  private int count;

  /** Room for {@link #DEFAULT_MESSAGES} of {@link #DEFAULT_SLOT_BYTES}: 2.4 MB. */
  public MessageBatch() {
    this(DEFAULT_MESSAGES, DEFAULT_SLOT_BYTES);
  }

  /**
   * Takes the memory.
   *
   * @param messages how many a receiving call takes at most, 1 to 1024
   * @param slotBytes bytes of payload kept of each; what a longer one has more is cut off and the
   *     message {@link #truncated}
   */
  public MessageBatch(int messages, int slotBytes) {
    if (messages < 1 || messages > 1024) {
      throw new IllegalArgumentException("messages: " + messages + " is not 1 to 1024");
    }
    if (slotBytes < 16 || slotBytes > 1 << 20) {
      throw new IllegalArgumentException("slotBytes: " + slotBytes + " is not 16 to 1048576");
    }
    this.capacity = messages;
    this.slotBytes = Netlink.HEADER_BYTES + ((slotBytes + 7) & -8);
    int iovecsAt = messages * VECTOR_BYTES;
    int addressesAt = iovecsAt + messages * IOVEC_BYTES;
    int slotsAt = addressesAt + messages * SENDER_BYTES;
    memory = allocate(Math.addExact(slotsAt, Math.multiplyExact(messages, this.slotBytes)));
    slots = part(slotsAt, messages * this.slotBytes);
    vectors = part(0, messages * VECTOR_BYTES).asIntBuffer();
    addresses = part(addressesAt, messages * SENDER_BYTES).asIntBuffer();
    vectorInts = new int[messages * VECTOR_INTS];
    addressInts = new int[messages * SENDER_INTS];
    types = new int[messages];
    sequences = new int[messages];
    senders = new int[messages];
    offsets = new int[messages];
    lengths = new int[messages];
    truncated = new boolean[messages];

    long base = LibC.at(memory);
    for (int i = 0; i < messages; i++) {
      int vector = i * VECTOR_BYTES;
      int iovec = iovecsAt + i * IOVEC_BYTES;
      memory.putLong(vector, base + addressesAt + (long) i * SENDER_BYTES);
      memory.putInt(vector + 8, Netlink.ADDRESS_BYTES);
      memory.putLong(vector + 16, base + iovec);
      memory.putLong(vector + 24, 1);
      memory.putLong(iovec, base + slotsAt + (long) i * this.slotBytes);
      memory.putLong(iovec + 8, Netlink.HEADER_BYTES + slotBytes);
    }
  }

  /** How many messages are in it. */
  public int count() {
    return count;
  }

  /** How many it can take. */
  public int capacity() {
    return capacity;
  }

  /** {@code nlmsg_type}, which is the record's type; -1 if the datagram has no whole header. */
  public int type(int i) {
    return types[Objects.checkIndex(i, count)];
  }

  /** {@code nlmsg_seq}: an answer's request; 0 if the datagram has no whole header. */
  public int sequence(int i) {
    return sequences[Objects.checkIndex(i, count)];
  }

  /** Where in {@link #buffer} the payload begins. */
  public int offset(int i) {
    return offsets[Objects.checkIndex(i, count)];
  }

  /** Bytes of payload that are there; 0 if the datagram has no whole header. */
  public int length(int i) {
    return lengths[Objects.checkIndex(i, count)];
  }

  /** Whether the datagram had more payload than there is room for: the rest is lost. */
  public boolean truncated(int i) {
    return truncated[Objects.checkIndex(i, count)];
  }

  /** Port id of the socket it was sent from, 0 for the kernel. */
  public int senderPortId(int i) {
    return senders[Objects.checkIndex(i, count)];
  }

  /**
   * Where the payloads are, in the host's byte order; always the same buffer. They may be changed
   * and stand until the next receiving call.
   */
  public ByteBuffer buffer() {
    return slots;
  }

  /** Takes what is there, without waiting: how many, or the negated errno. */
  int receive(int fd) {
    count = 0;
    int received = LibC.recvmmsg(fd, memory, capacity);
    if (received > 0) {
      fill(received);
    }
    return received;
  }

  /** Forgets all messages. */
  void clear() {
    count = 0;
  }

  /** Forgets one message; those after it move up. */
  void remove(int i) {
    Objects.checkIndex(i, count);
    int after = count - i - 1;
    System.arraycopy(types, i + 1, types, i, after);
    System.arraycopy(sequences, i + 1, sequences, i, after);
    System.arraycopy(senders, i + 1, senders, i, after);
    System.arraycopy(offsets, i + 1, offsets, i, after);
    System.arraycopy(lengths, i + 1, lengths, i, after);
    System.arraycopy(truncated, i + 1, truncated, i, after);
    count--;
  }

  private void fill(int received) {
    vectors.get(0, vectorInts, 0, received * VECTOR_INTS);
    addresses.get(0, addressInts, 0, received * SENDER_INTS);
    for (int i = 0; i < received; i++) {
      int vector = i * VECTOR_INTS;
      int slot = i * slotBytes;
      int length = vectorInts[vector + 14];
      // A header that did not come whole is the rest of an earlier message.
      boolean whole = length >= Netlink.HEADER_BYTES;
      types[i] = whole ? Short.toUnsignedInt(slots.getShort(slot + TYPE_OFFSET)) : -1;
      sequences[i] = whole ? slots.getInt(slot + SEQUENCE_OFFSET) : 0;
      lengths[i] = whole ? length - Netlink.HEADER_BYTES : 0;
      // INVARIANT: without an address from the kernel nobody is taken for the kernel.
      senders[i] =
          vectorInts[vector + 2] >= Netlink.ADDRESS_BYTES ? addressInts[i * SENDER_INTS + 1] : -1;
      truncated[i] = (vectorInts[vector + 12] & Netlink.MSG_TRUNC) != 0;
      offsets[i] = slot + Netlink.HEADER_BYTES;
    }
    count = received;
  }

  private ByteBuffer part(int offset, int length) {
    return memory.slice(offset, length).order(ByteOrder.nativeOrder());
  }

  private static ByteBuffer allocate(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
  }
}
