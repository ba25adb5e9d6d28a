// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import static auditbus.agent.bsm.TokenBytes.record;
import static org.assertj.core.api.Assertions.assertThat;

import auditbus.schemas.AuditEvent;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every token of the table, built byte by byte: its fields, and what is left of it when cut. */
class TokenTableTest {
  private static final byte[] AFTER = new TokenBytes().u8(0x28).string("after").bytes();
  private static final String IPV6 = "fe80 0000 0000 0000 0000 0000 0000 0001";

  /** A token and the fields it makes, as {@code name=value}. */
  static final class Token {
    final String what;
    final byte[] bytes;
    final List<String> fields;

    Token(String what, byte[] bytes, String... fields) {
      this.what = what;
      this.bytes = bytes;
      this.fields = List.of(fields);
    }

    int id() {
      return bytes[0] & 0xff;
    }

    Map<String, String> expected() {
      Map<String, String> expected = new LinkedHashMap<>();
      for (String field : fields) {
        int equals = field.indexOf('=');
        expected.put(field.substring(0, equals), field.substring(equals + 1));
      }
      return expected;
    }

    @Override
    public String toString() {
      return what;
    }
  }

  private static TokenBytes token(int id) {
    return new TokenBytes().u8(id);
  }

  private static TokenBytes who(int id) {
    return token(id).u32(1000).u32(0).u32(4294967294L).u32(1001).u32(20).u32(4711).u32(100_000);
  }

  private static String[] who(String name, String port, String address) {
    return new String[] {
      name + ".audit-uid=1000",
      name + ".uid=0",
      name + ".gid=-2",
      name + ".ruid=1001",
      name + ".rgid=20",
      name + ".pid=4711",
      name + ".sid=100000",
      name + ".tid.port=" + port,
      name + ".tid.address=" + address
    };
  }

  static List<Token> tokens() {
    return List.of(
        new Token(
            "file",
            token(0x11).u32(74565).u32(424).string("test").bytes(),
            "file.time=74565",
            "file.msec=424",
            "file=test"),
        new Token(
            "arbitrary string",
            token(0x21).u8(4).u8(0).u8(3).text("abc").bytes(),
            "arbitrary.print=string",
            "arbitrary.type=byte",
            "arbitrary.count=3",
            "arbitrary=abc"),
        new Token(
            "arbitrary longs",
            token(0x21).u8(3).u8(3).u8(2).u64(1).u64(-1).bytes(),
            "arbitrary.print=hex",
            "arbitrary.type=long",
            "arbitrary.count=2",
            "arbitrary=0000000000000001ffffffffffffffff"),
        new Token("IPC", token(0x22).u8(3).u32(99).bytes(), "IPC.ipc-type=3", "IPC.ipc-id=99"),
        new Token("path", token(0x23).string("/etc/passwd").bytes(), "path=/etc/passwd"),
        new Token("empty path", token(0x23).u16(0).bytes(), "path="),
        new Token(
            "subject32",
            who(0x24).u32(7).hex("c0a8640f").bytes(),
            who("subject", "7", "192.168.100.15")),
        new Token(
            "subject64",
            who(0x75).u64(1L << 40).hex("7f000001").bytes(),
            who("subject", "1099511627776", "127.0.0.1")),
        new Token(
            "subject32_ex, IPv4",
            who(0x7a).u32(7).u32(4).hex("7f000001").bytes(),
            who("subject", "7", "127.0.0.1")),
        new Token(
            "subject32_ex, IPv6",
            who(0x7a).u32(7).u32(16).hex(IPV6).bytes(),
            who("subject", "7", "fe80::1")),
        new Token(
            "subject64_ex, IPv4",
            who(0x7c).u64(7).u32(4).hex("7f000001").bytes(),
            who("subject", "7", "127.0.0.1")),
        new Token(
            "subject64_ex, IPv6",
            who(0x7c).u64(7).u32(16).hex(IPV6).bytes(),
            who("subject", "7", "fe80::1")),
        new Token(
            "process32",
            who(0x26).u32(7).hex("7f000001").bytes(),
            who("process", "7", "127.0.0.1")),
        new Token(
            "process64",
            who(0x77).u64(7).hex("7f000001").bytes(),
            who("process", "7", "127.0.0.1")),
        new Token(
            "process32_ex, IPv6",
            who(0x7b).u32(7).u32(16).hex(IPV6).bytes(),
            who("process", "7", "fe80::1")),
        new Token(
            "process64_ex, IPv6",
            who(0x7d).u64(7).u32(16).hex(IPV6).bytes(),
            who("process", "7", "fe80::1")),
        new Token(
            "return32",
            token(0x27).u8(13).u32(0xffffffffL).bytes(),
            "return.errval=EACCES",
            "return.retval=4294967295"),
        new Token(
            "return64",
            token(0x72).u8(0).u64(-1).bytes(),
            "return.errval=success",
            "return.retval=18446744073709551615"),
        new Token("exit", token(0x52).u32(2).u32(3).bytes(), "exit.errval=2", "exit.retval=3"),
        new Token(
            "text",
            token(0x28).string("gr\u00fc\u00dfe, all").bytes(),
            "text=gr\u00fc\u00dfe, all"),
        new Token("opaque", token(0x29).u16(3).hex("00ff14").bytes(), "opaque=00ff14"),
        new Token("in_addr", token(0x2a).hex("c0a80001").bytes(), "ip_address=192.168.0.1"),
        new Token("in_addr_ex", token(0x7e).u32(16).hex(IPV6).bytes(), "ip_address=fe80::1"),
        new Token(
            "ip",
            token(0x2b).hex("4500 0014 5478 0001 4006 00ff c0a8649b c0a86e30").bytes(),
            "ip.version=0x45",
            "ip.service_type=0x0",
            "ip.len=20",
            "ip.id=21624",
            "ip.offset=1",
            "ip.time_to_live=0x40",
            "ip.protocol=0x6",
            "ip.cksum=255",
            "ip.src_addr=192.168.100.155",
            "ip.dest_addr=192.168.110.48"),
        new Token("iport", token(0x2c).u16(443).bytes(), "ip_port=443"),
        new Token(
            "arg32", token(0x2d).u8(2).u32(15).string("signal").bytes(), "argument.2.signal=0xf"),
        new Token(
            "arg64",
            token(0x71).u8(1).u64(-1).string("addr").bytes(),
            "argument.1.addr=0xffffffffffffffff"),
        new Token(
            "arg32 without a plain description",
            token(0x2d).u8(2).u32(15).string("two words").bytes(),
            "argument.2#1.value=0xf",
            "argument.2#1.desc=two words"),
        new Token(
            "socket",
            token(0x2e).u16(1).u16(22).hex("0a000001").u16(50000).hex("0a000002").bytes(),
            "socket.sock_type=1",
            "socket.lport=22",
            "socket.laddr=10.0.0.1",
            "socket.fport=50000",
            "socket.faddr=10.0.0.2"),
        new Token(
            "socket_ex, IPv4",
            token(0x7f)
                .u16(2)
                .u16(1)
                .u16(4)
                .u16(22)
                .hex("0a000001")
                .u16(80)
                .hex("0a000002")
                .bytes(),
            "socket.sock_dom=0x2",
            "socket.sock_type=0x1",
            "socket.lport=22",
            "socket.laddr=10.0.0.1",
            "socket.fport=80",
            "socket.faddr=10.0.0.2"),
        new Token(
            "socket_ex, IPv6",
            token(0x7f).u16(26).u16(1).u16(16).u16(22).hex(IPV6).u16(80).hex(IPV6).bytes(),
            "socket.sock_dom=0x1a",
            "socket.sock_type=0x1",
            "socket.lport=22",
            "socket.laddr=fe80::1",
            "socket.fport=80",
            "socket.faddr=fe80::1"),
        new Token(
            "sockinet32",
            token(0x80).u16(2).u16(443).hex("0a000001").bytes(),
            "socket-inet.type=2",
            "socket-inet.port=443",
            "socket-inet.addr=10.0.0.1"),
        new Token(
            "sockinet128",
            token(0x81).u16(26).u16(443).hex(IPV6).bytes(),
            "socket-inet6.type=26",
            "socket-inet6.port=443",
            "socket-inet6.addr=fe80::1"),
        new Token(
            "sockunix",
            token(0x82).u16(1).text("/var/run/log").u8(0).bytes(),
            "socket-unix.type=1",
            "socket-unix.addr=/var/run/log"),
        new Token("sequence", token(0x2f).u32(0xfffffffeL).bytes(), "sequence.seq-num=4294967294"),
        new Token(
            "attr32",
            token(0x3e).u32(0100644).u32(0).u32(0xffffffffL).u32(90).u64(24222).u32(112200).bytes(),
            "attribute.mode=100644",
            "attribute.uid=0",
            "attribute.gid=-1",
            "attribute.fsid=90",
            "attribute.nodeid=24222",
            "attribute.device=112200"),
        new Token(
            "attr64",
            token(0x73).u32(0755).u32(0).u32(0).u32(90).u64(1).u64(-1).bytes(),
            "attribute.mode=755",
            "attribute.uid=0",
            "attribute.gid=0",
            "attribute.fsid=90",
            "attribute.nodeid=1",
            "attribute.device=18446744073709551615"),
        new Token(
            "IPC_perm",
            token(0x32).u32(1).u32(2).u32(3).u32(4).u32(0600).u32(6).u32(7).bytes(),
            "IPC_perm.uid=1",
            "IPC_perm.gid=2",
            "IPC_perm.creator-uid=3",
            "IPC_perm.creator-gid=4",
            "IPC_perm.mode=600",
            "IPC_perm.seq=6",
            "IPC_perm.key=7"),
        new Token("groups", token(0x34).u16(2).u32(0).u32(5).bytes(), "group.gid=0,5"),
        new Token("no groups", token(0x34).u16(0).bytes(), "group.gid="),
        new Token("newgroups", groups(17), "group.gid=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"),
        new Token(
            "priv",
            token(0x38).string("effective").string("file_read,proc_exec").bytes(),
            "privilege.type=effective",
            "privilege=file_read,proc_exec"),
        new Token(
            "upriv",
            token(0x39).u8(0).string("proc_setid").bytes(),
            "use_of_privilege.status=failure",
            "use_of_privilege.name=proc_setid"),
        new Token(
            "exec_args",
            token(0x3c).u32(3).text("ls\0\0-l\0").bytes(),
            "exec_args.0=ls",
            "exec_args.1=",
            "exec_args.2=-l"),
        new Token("exec_env", token(0x3d).u32(1).text("A=b\0").bytes(), "exec_env.0=A=b"),
        new Token("no exec_env", token(0x3d).u32(0).bytes()),
        new Token("zonename", token(0x60).string("jail1").bytes(), "zone.name=jail1"),
        new Token(
            "arg_uuid",
            token(0x84).u8(1).hex("00112233445566778899aabbccddeeff").string("volume").bytes(),
            "argument_uuid.arg-num=1",
            "argument_uuid.value=00112233-4455-6677-8899-aabbccddeeff",
            "argument_uuid.desc=volume"),
        new Token(
            "return_uuid",
            token(0x85).u8(1).hex("00112233445566778899aabbccddeeff").string("volume").bytes(),
            "return_uuid.arg-num=1",
            "return_uuid.value=00112233-4455-6677-8899-aabbccddeeff",
            "return_uuid.desc=volume"));
  }

  private static byte[] groups(int count) {
    TokenBytes groups = token(0x3b).u16(count);
    for (int gid = 0; gid < count; gid++) {
      groups.u32(gid);
    }
    return groups.bytes();
  }

  private static Map<String, String> ofTokens(AuditEvent event) {
    Map<String, String> fields = new LinkedHashMap<>(Decoded.fields(event));
    assertThat(fields.remove("record.version")).isEqualTo("11");
    assertThat(fields.remove("record.modifier")).isEqualTo("0");
    return fields;
  }

  @ParameterizedTest
  @MethodSource("tokens")
  void token_makesItsFields(Token token) {
    AuditEvent event = Decoded.record(record(15, token.bytes, AFTER));
    Map<String, String> expected = token.expected();
    if (token.id() == 0x28) {
      expected.put("text.2", "after");
    } else {
      expected.put("text", "after");
    }
    assertThat(ofTokens(event)).containsExactlyEntriesOf(expected);
    assertThat(event.getComplete()).isTrue();
    assertThat(event.getRecords().getFirst().getEscaped()).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("tokens")
  void tokenThatIsThereTwice_isNumbered(Token token) {
    AuditEvent event = Decoded.record(record(15, token.bytes, token.bytes));
    Map<String, String> fields = ofTokens(event);
    Map<String, String> once = token.expected();
    assertThat(fields).hasSize(fieldsOfTwo(token)).containsAllEntriesOf(once);
    assertThat(event.getComplete()).isTrue();
  }

  private static int fieldsOfTwo(Token token) {
    // An argument whose name is taken becomes a value and a description.
    return token.what.equals("arg32") || token.what.equals("arg64") ? 3 : 2 * token.fields.size();
  }

  @ParameterizedTest
  @MethodSource("tokens")
  void tokenCutAtEveryByte_keepsWhatStandsBeforeItAndItsBytes(Token token) {
    for (int cut = 1; cut < token.bytes.length; cut++) {
      byte[] some = Arrays.copyOf(token.bytes, cut);
      AuditEvent event = Decoded.record(record(15, AFTER, some));
      assertThat(ofTokens(event))
          .hasSize(2)
          .containsEntry("text", "after")
          .containsEntry("broken.0x%02x".formatted(token.id()), Texts.hex(some, 1, some.length));
      assertThat(event.getComplete()).isFalse();
      assertThat(event.getType()).isEqualTo("AUE_KILL");
    }
  }

  @Test
  void everyIdOfTheTable_isTested() {
    TreeSet<Integer> tested = new TreeSet<>(List.of(0x14, 0x15, 0x74, 0x79)); // BsmDecoderTest
    tokens().forEach(token -> tested.add(token.id()));
    for (int id = 0; id < 256; id++) {
      assertThat(tested.contains(id)).as("id 0x%02x", id).isEqualTo(TokenLayout.of(id) != null);
    }
  }

  @Test
  void unknownIds_keepTheirBytes() {
    for (int id = 0; id < 256; id++) {
      if (TokenLayout.of(id) == null) {
        byte[] unknown = token(id).hex("0102ff").bytes();
        AuditEvent event = Decoded.record(record(15, AFTER, unknown, AFTER));
        assertThat(ofTokens(event))
            .containsEntry("text", "after")
            .containsEntry(
                "unknown.0x%02x".formatted(id), "0102ff" + Texts.hex(AFTER, 0, AFTER.length))
            .hasSize(2);
        assertThat(event.getComplete()).isFalse();
      }
    }
  }
}
