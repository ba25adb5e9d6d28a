// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import auditbus.schemas.EncodedFields;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * What the bytes of each token mean: the table of BSM (layouts of OpenBSM's {@code audit.log(5)}
 * and {@code au_token(3)}, names in the words of {@code praudit -x}).
 *
 * <p>A field is {@code name:kind}; no name means the token's own, {@code -name} is of no use in an
 * event. All integers are big-endian, nothing is aligned. Kinds:
 *
 * <pre>
 *  u1 u2 u4 u8  unsigned      s4  signed          o4  shown octal     x1 x2 x4 x8  shown hex
 *  p2           port          e1  BSM error       n4  exit status     c1           0 or 1
 *  y2 y4        length of the addresses that follow: 4 or 16; w4 the same, or no address
 *  a4 a16 a     address, of the length told before
 *  t            u16 n, n bytes of text, the last usually 0x00
 *  b            u16 n, n bytes
 *  z            text that ends with 0x00, at most 108 bytes before it
 *  v            u32 n, n texts that end with 0x00
 *  g            u16 n, n times u32
 *  d            u8 how to print, u8 unit (0: 1 byte, 1: 2, 2: 4, 3: 8), u8 n, n units
 *  i            UUID of 16 bytes
 * </pre>
 *
 * <p>Thread-safe: what names are made late are immutable, and it does not matter who makes them.
 */
final class TokenLayout {
  static final int U1 = 1;
  static final int U2 = 2;
  static final int U4 = 3;
  static final int U8 = 4;
  static final int ADDRESS_TYPE_2 = 5;
  static final int ADDRESS_TYPE_4 = 6;
  static final int ADDRESS_TYPE_4_OR_NONE = 7;
  static final int ADDRESS_4 = 8;
  static final int ADDRESS_16 = 9;
  static final int ADDRESS = 10;
  static final int COUNTED = 11;
  static final int TERMINATED = 12;
  static final int STRINGS = 13;
  static final int GROUPS = 14;
  static final int DATA = 15;
  static final int UUID = 16;

  /** Most fields a token has. */
  static final int MAX_FIELDS = 10;

  private static final String HEADER = "-length:u4 version:u1 -event:u2 modifier:u2 ";
  private static final String WHO =
      "audit-uid:s4 uid:s4 gid:s4 ruid:s4 rgid:s4 pid:u4 sid:u4 tid.port:";

  /** Tokens of a name, and strings of a token, whose fields' names are kept. */
  private static final int KEPT = 64;

  private static final TokenLayout[] BY_ID = new TokenLayout[256];
  private static final List<String> NAMES;

  static {
    add(0x11, "file", "time:u4 msec:u4 :t");
    add(0x14, "record", HEADER + "-time:u4 -msec:u4");
    add(0x15, "record", HEADER + "-type:w4 host:a -time:u4 -msec:u4");
    add(0x74, "record", HEADER + "-time:u8 -msec:u8");
    add(0x79, "record", HEADER + "-type:w4 host:a -time:u8 -msec:u8");
    add(0x21, "arbitrary", ":d");
    add(0x22, "IPC", "ipc-type:u1 ipc-id:u4");
    add(0x23, "path", ":t");
    add(0x24, "subject", WHO + "u4 tid.address:a4");
    add(0x75, "subject", WHO + "u8 tid.address:a4");
    add(0x7a, "subject", WHO + "u4 -type:y4 tid.address:a");
    add(0x7c, "subject", WHO + "u8 -type:y4 tid.address:a");
    add(0x26, "process", WHO + "u4 tid.address:a4");
    add(0x77, "process", WHO + "u8 tid.address:a4");
    add(0x7b, "process", WHO + "u4 -type:y4 tid.address:a");
    add(0x7d, "process", WHO + "u8 -type:y4 tid.address:a");
    add(0x27, "return", "errval:e1 retval:u4");
    add(0x72, "return", "errval:e1 retval:u8");
    add(0x52, "exit", "errval:n4 retval:u4");
    add(0x28, "text", ":t");
    add(0x29, "opaque", ":b");
    add(0x2a, "ip_address", ":a4");
    add(0x7e, "ip_address", "-type:y4 :a");
    add(
        0x2b,
        "ip",
        "version:x1 service_type:x1 len:u2 id:u2 offset:u2 time_to_live:x1 protocol:x1 cksum:u2"
            + " src_addr:a4 dest_addr:a4");
    add(0x2c, "ip_port", ":p2");
    add(0x2d, "argument", "arg-num:u1 value:x4 desc:t");
    add(0x71, "argument", "arg-num:u1 value:x8 desc:t");
    add(0x2e, "socket", "sock_type:u2 lport:p2 laddr:a4 fport:p2 faddr:a4");
    add(0x7f, "socket", "sock_dom:x2 sock_type:x2 -type:y2 lport:p2 laddr:a fport:p2 faddr:a");
    add(0x80, "socket-inet", "type:u2 port:u2 addr:a4");
    add(0x81, "socket-inet6", "type:u2 port:u2 addr:a16");
    add(0x82, "socket-unix", "type:u2 addr:z");
    add(0x2f, "sequence", "seq-num:u4");
    add(0x3e, "attribute", "mode:o4 uid:s4 gid:s4 fsid:u4 nodeid:u8 device:u4");
    add(0x73, "attribute", "mode:o4 uid:s4 gid:s4 fsid:u4 nodeid:u8 device:u8");
    add(0x32, "IPC_perm", "uid:s4 gid:s4 creator-uid:s4 creator-gid:s4 mode:o4 seq:u4 key:u4");
    add(0x34, "group", "gid:g");
    add(0x3b, "group", "gid:g");
    add(0x38, "privilege", "type:t :t");
    add(0x39, "use_of_privilege", "status:c1 name:t");
    add(0x3c, "exec_args", ":v");
    add(0x3d, "exec_env", ":v");
    add(0x60, "zone", "name:t");
    add(0x84, "argument_uuid", "arg-num:u1 value:i desc:t");
    add(0x85, "return_uuid", "arg-num:u1 value:i desc:t");

    Set<String> names = new LinkedHashSet<>();
    for (TokenLayout layout : BY_ID) {
      if (layout != null) {
        names.add(layout.name);
      }
    }
    NAMES = List.copyOf(names);
    for (TokenLayout layout : BY_ID) {
      if (layout != null) {
        layout.nameIndex = NAMES.indexOf(layout.name);
      }
    }
  }

  private final int id;
  private final String name;
  private final byte[] kinds;
  private final char[] forms;
  private final String[] fields;
  private final EncodedFields.Name[] names;
  private final EncodedFields.Name[][] numberedNames = new EncodedFields.Name[KEPT][];
  private final EncodedFields.Name[] stringNames = new EncodedFields.Name[KEPT];
  private final int fixedBytes;
  private int nameIndex;

  private TokenLayout(int id, String name, String table) {
    this.id = id;
    this.name = name;
    List<String> fieldNames = new ArrayList<>();
    String[] columns = table.split(" ", -1);
    this.kinds = new byte[columns.length];
    this.forms = new char[columns.length];
    int fixed = 1;
    for (int column = 0; column < columns.length; column++) {
      int colon = columns[column].indexOf(':');
      String kind = columns[column].substring(colon + 1);
      fieldNames.add(columns[column].substring(0, colon));
      forms[column] = kind.charAt(0);
      kinds[column] = (byte) kind(kind);
      fixed += bytes(kinds[column]);
    }
    this.fixedBytes = fixed;
    this.fields = fieldNames.toArray(String[]::new);
    this.names = names(name);
  }

  private static void add(int id, String name, String table) {
    BY_ID[id] = new TokenLayout(id, name, table);
  }

  private static int kind(String kind) {
    return switch (kind) {
      case "u1", "x1", "e1", "c1" -> U1;
      case "u2", "x2", "p2" -> U2;
      case "u4", "s4", "o4", "x4", "n4" -> U4;
      case "u8", "x8" -> U8;
      case "y2" -> ADDRESS_TYPE_2;
      case "y4" -> ADDRESS_TYPE_4;
      case "w4" -> ADDRESS_TYPE_4_OR_NONE;
      case "a4" -> ADDRESS_4;
      case "a16" -> ADDRESS_16;
      case "a" -> ADDRESS;
      case "t", "b" -> COUNTED;
      case "z" -> TERMINATED;
      case "v" -> STRINGS;
      case "g" -> GROUPS;
      case "d" -> DATA;
      case "i" -> UUID;
      default -> throw new IllegalArgumentException("kind " + kind);
    };
  }

  /** Bytes of a kind that it always has. */
  private static int bytes(int kind) {
    return switch (kind) {
      case U1 -> 1;
      case U2, ADDRESS_TYPE_2, COUNTED, GROUPS -> 2;
      case U4, ADDRESS_TYPE_4, ADDRESS_TYPE_4_OR_NONE, ADDRESS_4, STRINGS -> 4;
      case U8 -> 8;
      case ADDRESS_16, UUID -> 16;
      case DATA -> 3;
      default -> 0;
    };
  }

  /** The layout of a token id, null if there is none. */
  static TokenLayout of(int id) {
    return BY_ID[id & 0xff];
  }

  /** How many token names there are. */
  static int names() {
    return NAMES.size();
  }

  int id() {
    return id;
  }

  /** The token's name, shared by its 32 and 64 bit forms. */
  String name() {
    return name;
  }

  /** Number of the token's name, from 0 to {@link #names}. */
  int nameIndex() {
    return nameIndex;
  }

  /** Kinds of the fields; not to be written to. */
  byte[] kinds() {
    return kinds;
  }

  /** Bytes every such token has, its id included. */
  int fixedBytes() {
    return fixedBytes;
  }

  int size() {
    return kinds.length;
  }

  /** How a field is shown: the first letter of its kind in the table. */
  char form(int field) {
    return forms[field];
  }

  /**
   * Names of the fields of a token that is the n-th of its name, n at least 1; null for those that
   * are of no use in an event. Not to be written to.
   */
  EncodedFields.Name[] fieldNames(int n) {
    if (n == 1) {
      return names;
    }
    if (n >= KEPT) {
      return names(name + "." + n);
    }
    EncodedFields.Name[] numbered = numberedNames[n];
    if (numbered == null) {
      numbered = names(name + "." + n);
      numberedNames[n] = numbered;
    }
    return numbered;
  }

  /** Name of a string, counted from 0, of a token that is the n-th of its name. */
  EncodedFields.Name stringName(int n, int index) {
    if (n > 1) {
      return new EncodedFields.Name(name + "." + n + "." + index);
    }
    if (index >= KEPT) {
      return new EncodedFields.Name(name + "." + index);
    }
    EncodedFields.Name string = stringNames[index];
    if (string == null) {
      string = new EncodedFields.Name(name + "." + index);
      stringNames[index] = string;
    }
    return string;
  }

  private EncodedFields.Name[] names(String prefix) {
    EncodedFields.Name[] all = new EncodedFields.Name[fields.length];
    for (int field = 0; field < all.length; field++) {
      String own = fields[field];
      all[field] =
          own.startsWith("-")
              ? null
              : new EncodedFields.Name(own.isEmpty() ? prefix : prefix + "." + own);
    }
    return all;
  }
}
