// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.agent.event.InternetAddress;

/**
 * A struct sockaddr of a SOCKADDR record, in the words of {@code ausearch --interpret}.
 *
 * <pre>
 *  family u16 in host byte order, then
 *   1 local    path, ended by 0x00; a leading 0x00 (abstract socket) is written @
 *   2 inet     port u16 big-endian, address 4 bytes
 *  10 inet6    port u16 big-endian, flow 4 bytes, address 16 bytes
 *  16 netlink  padding u16, pid u32, groups u32, in host byte order
 *  40 vsock    reserved u16, port u32, cid u32, in host byte order
 * </pre>
 */
final class SocketAddress {
  private SocketAddress() {}

  /** A description, or null where the family is not one of these or bytes are missing. */
  static String describe(byte[] bytes, int length, FieldDecoder text) {
    if (length < 2) {
      return null;
    }
    // Families are small numbers: the byte order in which this is one is the host's.
    boolean little = bytes[1] == 0;
    int family = little ? bytes[0] & 0xff : bytes[0] == 0 ? bytes[1] & 0xff : -1;
    return switch (family) {
      case 1 -> length < 3 ? null : local(bytes, length, text);
      case 2 ->
          length < 8
              ? null
              : "{ saddr_fam=inet laddr="
                  + InternetAddress.inet(bytes, 4)
                  + " lport="
                  + port(bytes)
                  + " }";
      case 10 ->
          length < 24
              ? null
              : "{ saddr_fam=inet6 laddr="
                  + InternetAddress.inet6(bytes, 8)
                  + " lport="
                  + port(bytes)
                  + " }";
      case 16 ->
          length < 8
              ? null
              : "{ saddr_fam=netlink nlnk-fam=16 nlnk-pid=" + word(bytes, 4, little) + " }";
      case 40 ->
          length < 12
              ? null
              : "{ saddr_fam=vsock cid="
                  + word(bytes, 8, little)
                  + " port="
                  + word(bytes, 4, little)
                  + " }";
      default -> null;
    };
  }

  private static String local(byte[] bytes, int length, FieldDecoder text) {
    boolean isAbstract = bytes[2] == 0;
    int from = isAbstract ? 3 : 2;
    int to = from;
    while (to < length && bytes[to] != 0) {
      to++;
    }
    return "{ saddr_fam=local path=" + (isAbstract ? "@" : "") + text.text(bytes, from, to) + " }";
  }

  private static int port(byte[] bytes) {
    return (bytes[2] & 0xff) << 8 | (bytes[3] & 0xff);
  }

  private static long word(byte[] bytes, int at, boolean little) {
    long value = 0;
    for (int index = 0; index < 4; index++) {
      value = value << 8 | (bytes[little ? at + 3 - index : at + index] & 0xff);
    }
    return value;
  }
}
