// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.event.TrailRecord;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class LineParserTest {
  private final LineParser parser = new LineParser();

  private LinuxRecord parse(String text) {
    return parser.parse(Samples.line(text));
  }

  private LinuxRecord body(String type, String body) {
    return parse("type=" + type + " msg=audit(1.002:3): " + body);
  }

  static Stream<Arguments> fields() {
    return Stream.of(
        of("SYSCALL", "a0=3 a1=7ffc", Map.of("a0", "3", "a1", "7ffc")),
        of("SYSCALL", "a0=64 a1=4321", Map.of("a0", "64", "a1", "4321")),
        of("SYSCALL", "comm=\"ls\" exe=\"/bin/ls\"", Map.of("comm", "ls", "exe", "/bin/ls")),
        of("SYSCALL", "comm=6C7320 exe=(null)", Map.of("comm", "ls ", "exe", "(null)")),
        of("SYSCALL", "comm=6c73", Map.of("comm", "6c73")),
        of("SYSCALL", "comm=6C7", Map.of("comm", "6C7")),
        of("SYSCALL", "comm=\"6C7320\"", Map.of("comm", "6C7320")),
        of("SYSCALL", "tty=(none) ses=1", Map.of("tty", "(none)", "ses", "1")),
        of("SYSCALL", "uid=0 uid=1", Map.of("uid", "0")),
        of("SYSCALL", "uid= gid=5", Map.of("uid", "", "gid", "5")),
        of("SYSCALL", "exe=C3A4", Map.of("exe", "\u00e4")),
        of(
            "SYSCALL",
            "key=(null)^ARCH=x86_64 SYSCALL=execve AUID=\"unset\" AUID=\"root\"",
            Map.of("key", "(null)", "ARCH", "x86_64", "SYSCALL", "execve", "AUID", "unset")),
        of("SYSCALL", "uid=1^uid=\"root\" x=y UID=\"u\"", Map.of("uid", "1", "UID", "u")),
        of(
            "CONFIG_CHANGE",
            "op=set audit_pid=4321 old=64",
            fieldsOf("op", "set", "audit_pid", "4321", "old", "64")),
        of("CONFIG_CHANGE", "key=7369670A list=4", Map.of("key", "sig\n", "list", "4")),
        of(
            "PATH",
            "item=0 name=2F746D702F612062 inode=64",
            fieldsOf("item", "0", "name", "/tmp/a b", "inode", "64")),
        of("PATH", "item=0 name=(null)", Map.of("item", "0", "name", "(null)")),
        of("CWD", "cwd=2F41", Map.of("cwd", "/A")),
        of("EXECVE", "argc=2 a0=\"ls\" a1=2D6C", fieldsOf("argc", "2", "a0", "ls", "a1", "-l")),
        of("EXECVE", "a1_len=8 a1[0]=41424344", Map.of("a1_len", "8", "a1[0]", "ABCD")),
        of("EXECVE", "a1[0]=(null)", Map.of("a1[0]", "(null)")),
        of("PROCTITLE", "proctitle=6C73002D6C00", Map.of("proctitle", "ls -l")),
        of("PROCTITLE", "proctitle=\"ls\"", Map.of("proctitle", "ls")),
        of("KERN_MODULE", "name=6D6F64", Map.of("name", "mod")),
        of("TTY", "comm=\"bash\" data=6C730D", Map.of("comm", "bash", "data", "ls\r")),
        of("USER_TTY", "pid=1 data=6C730D", Map.of("pid", "1", "data", "ls\r")),
        of("USER_TTY", "pid=1 msg=6C730D", Map.of("pid", "1", "msg", "ls\r")),
        of(
            "OBJ_PID",
            "opid=41 oauid=-1 ocomm=6120",
            fieldsOf("opid", "41", "oauid", "-1", "ocomm", "a ")),
        of(
            "USER_LOGIN",
            "pid=1 uid=0 auid=5 msg='op=login acct=28756E29 exe=\"/x\" addr=? res=failed'",
            fieldsOf(
                "pid",
                "1",
                "uid",
                "0",
                "auid",
                "5",
                "msg.op",
                "login",
                "msg.acct",
                "(un)",
                "msg.exe",
                "/x",
                "msg.addr",
                "?",
                "msg.res",
                "failed")),
        of(
            "USER_AUTH",
            "user pid=1 msg='PAM: auth acct=root : exe=\"/x\" (hostname=h, addr=1.2.3.4, res=failed)'",
            fieldsOf(
                "pid",
                "1",
                "msg.acct",
                "root",
                "msg.exe",
                "/x",
                "msg.hostname",
                "h",
                "msg.addr",
                "1.2.3.4",
                "msg.res",
                "failed")),
        of(
            "USER_CMD",
            "pid=1 msg='cwd=2F6D7920646972 cmd=6C73 exe=\"/x\" data=6C730D res=success'",
            fieldsOf(
                "pid",
                "1",
                "msg.cwd",
                "/my dir",
                "msg.cmd",
                "ls",
                "msg.exe",
                "/x",
                "msg.data",
                "ls\r",
                "msg.res",
                "success")),
        of("USER_CMD", "cwd=2F41", Map.of("cwd", "2F41")),
        of("USER", "pid=1 msg='hello world'", Map.of("pid", "1", "msg", "hello world")),
        of("USER", "pid=1 msg=''", Map.of("pid", "1", "msg", "")),
        of("USER", "pid=1 msg='res=succ", Map.of("pid", "1", "msg.res", "succ")),
        of(
            "USER",
            "pid=1 msg='key=4142 name=4142'",
            Map.of("pid", "1", "msg.key", "4142", "msg.name", "4142")),
        of(
            "AVC",
            "avc:  denied  { read write } for  pid=1 comm=\"x\" name=\"f\" tclass=file",
            fieldsOf(
                "seresult",
                "denied",
                "seperms",
                "read,write",
                "pid",
                "1",
                "comm",
                "x",
                "name",
                "f",
                "tclass",
                "file")),
        of(
            "AVC",
            "apparmor=\"DENIED\" operation=\"open\" profile=2F612062 name=\"/f\" pid=9",
            fieldsOf(
                "apparmor",
                "DENIED",
                "operation",
                "open",
                "profile",
                "/a b",
                "name",
                "/f",
                "pid",
                "9")),
        of(
            "USER_AVC",
            "pid=7 msg='avc:  denied  { send_msg } for exe=\"/x\"'",
            fieldsOf(
                "pid", "7", "msg.seresult", "denied", "msg.seperms", "send_msg", "msg.exe", "/x")),
        of(
            "DM_CTRL",
            "module=crypt error_msg='not a success' res=0",
            fieldsOf("module", "crypt", "error_msg", "not a success", "res", "0")),
        of(
            "CONFIG_CHANGE",
            "audit_enabled=1 old=0 by auid=500",
            fieldsOf("audit_enabled", "1", "old", "0", "auid", "500")),
        of("FOO", "=x \"=y a b= =", Map.of("b", "")));
  }

  private static Arguments of(String type, String body, Map<String, String> fields) {
    return Arguments.of(type, body, fields);
  }

  private static Map<String, String> fieldsOf(String... namesAndValues) {
    Map<String, String> fields = new java.util.LinkedHashMap<>();
    for (int at = 0; at < namesAndValues.length; at += 2) {
      fields.put(namesAndValues[at], namesAndValues[at + 1]);
    }
    return fields;
  }

  @ParameterizedTest
  @MethodSource("fields")
  void fields_areDecodedByNameAndRecordType(String type, String body, Map<String, String> fields) {
    assertThat(body(type, body).fields()).isEqualTo(fields);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "   ",
        "junk",
        "----",
        "type=SYSCALL",
        "type=SYSCALL msg=audit(16523210---): a=b",
        "type=SYSCALL msg=audit(1.002:3) a=b",
        "type=SYSCALL msg=audit(1.02:3): a=b",
        "type=SYSCALL msg=audit(1.002:): a=b",
        "type=SYSCALL msg=audit(1.002:4294967296): a=b",
        "type=SYSCALL msg=audit(-1.002:3): a=b",
        "type=SYSCALL msg=audit(999999999999999.002:3): a=b",
        "type=SYSCALL msg=audit(9999999999999999999999.002:3): a=b",
        "type= msg=audit(1.002:3): a=b",
        "type=SYSCALL  msg=audit(1.002:3): a=b",
        "type=SYS\u0001CALL msg=audit(1.002:3): a=b",
        "node= type=SYSCALL msg=audit(1.002:3): a=b",
        "type=DAEMON msg=auditd() auditd normal halt",
        "type=DAEMON msg=auditd(12a) auditd normal halt",
        "type=SYSCALL msg=audit(1.002:3): a=b \u0000"
      })
  void whatIsNoRecord_isUnparsed(String text) {
    LinuxRecord record = parse(text);
    assertThat(record.isUnparsed()).isTrue();
    assertThat(record.type().number()).isEqualTo(-1);
    assertThat(record.type().name()).isEqualTo("UNPARSED");
    assertThat(record.fields()).isEmpty();
  }

  @Test
  void halfARecord_isUnparsedWhateverItLooksLike() {
    byte[] raw = "type=EOE msg=audit(1.002:3): \n".getBytes(StandardCharsets.US_ASCII);
    assertThat(parser.parse(new TrailRecord("t", 0, raw, false, Samples.OBSERVED)).isUnparsed())
        .isTrue();
  }

  @Test
  void stamp_isRead() {
    assertThat(parse("node=web-1 type=EOE msg=audit(1795170527.332:4294967295): \r").stamp())
        .isEqualTo(new LinuxRecord.Stamp("web-1", 1_795_170_527L, 332, 4_294_967_295L));
    assertThat(parse("type=EOE msg=audit(0.000:0):").stamp())
        .isEqualTo(new LinuxRecord.Stamp(null, 0, 0, 0));
  }

  @Test
  void type_isFoundByNameOrNumber() {
    assertThat(body("SYSCALL", "").type()).isEqualTo(new RecordType(1300, "SYSCALL"));
    assertThat(body("1300", "").type()).isEqualTo(new RecordType(1300, "SYSCALL"));
    assertThat(body("UNKNOWN[1329]", "").type()).isEqualTo(new RecordType(1329, "UNKNOWN[1329]"));
    assertThat(body("UNKNOWN[1336]", "").type()).isEqualTo(new RecordType(1336, "URINGOP"));
    assertThat(body("UNKNOWN[99999999999999999999]", "").type().number()).isZero();
    assertThat(body("NEW_THING", "").type()).isEqualTo(new RecordType(0, "NEW_THING"));
  }

  @Test
  void keys_areSplitAndOnlyThoseThatCaughtTheEvent() {
    assertThat(body("SYSCALL", "key=\"one\"").keys()).containsExactly("one");
    assertThat(body("SYSCALL", "key=6F6E650174776F").keys()).containsExactly("one", "two");
    assertThat(body("SYSCALL", "key=6F6E650174776F").field("key")).isEqualTo("one\u0001two");
    assertThat(body("SYSCALL", "key=(null)").keys()).isEmpty();
    assertThat(body("SYSCALL", "key=\"(null)\"").keys()).containsExactly("(null)");
    assertThat(body("CONFIG_CHANGE", "key=\"sig\"").keys()).isEmpty();
  }

  @Test
  void bytesThatAreNotUtf8_areEscapedAndNamed() {
    LinuxRecord record = body("PATH", "item=0 name=2F25FF41C3 nametype=NORMAL");
    assertThat(record.field("name")).isEqualTo("/%25%FFA%C3");
    assertThat(record.escaped()).containsExactly("name");
    assertThat(body("PATH", "name=2F25").field("name")).isEqualTo("/%");
    assertThat(body("PATH", "name=EFBFBD").escaped()).isEmpty();
    LinuxRecord user = body("USER", "pid=1 msg='acct=\"\u00e4\" x=%'");
    assertThat(user.field("msg.acct")).isEqualTo("%E4");
    assertThat(user.field("msg.x")).isEqualTo("%");
    assertThat(user.escaped()).containsExactly("msg.acct");
  }

  @Test
  void socketAddress_isDescribedByFamilyAndElseKeepsItsHex() {
    Map<String, String> addresses =
        Map.ofEntries(
            Map.entry(
                "02000035080808080000000000000000", "{ saddr_fam=inet laddr=8.8.8.8 lport=53 }"),
            Map.entry(
                "00020035080808080000000000000000", "{ saddr_fam=inet laddr=8.8.8.8 lport=53 }"),
            Map.entry(
                "0A0000160000000000000000000000000000000000000001" + "00000000",
                "{ saddr_fam=inet6 laddr=::1 lport=22 }"),
            Map.entry(
                "0A0000160000000020010DB8000000000001000000000001" + "00000000",
                "{ saddr_fam=inet6 laddr=2001:db8::1:0:0:1 lport=22 }"),
            Map.entry(
                "0A0000160000000000000000000000000000FFFF01020304" + "00000000",
                "{ saddr_fam=inet6 laddr=::ffff:1.2.3.4 lport=22 }"),
            Map.entry("01002F72756E2F7800AB", "{ saddr_fam=local path=/run/x }"),
            Map.entry("0100002F746D702F78", "{ saddr_fam=local path=@/tmp/x }"),
            Map.entry("100000000100000000000000", "{ saddr_fam=netlink nlnk-fam=16 nlnk-pid=1 }"),
            Map.entry("28000000D204000002000000", "{ saddr_fam=vsock cid=2 port=1234 }"),
            Map.entry("11000800", "11000800"),
            Map.entry("020000", "020000"),
            Map.entry("FFFF0035", "FFFF0035"),
            Map.entry("02", "02"));
    addresses.forEach(
        (hex, text) ->
            assertThat(body("SOCKADDR", "saddr=" + hex).fields())
                .containsExactlyEntriesOf(Map.of("saddr", text)));
    assertThat(
            body("SOCKADDR", "saddr=1000^SADDR={ saddr_fam=netlink nlnk-fam=16 } UID=\"x\"")
                .fields())
        .containsAllEntriesOf(Map.of("SADDR", "{ saddr_fam=netlink nlnk-fam=16 }", "UID", "x"));
  }

  @Test
  void userMessage_neverOverridesThePrefixOrTheEnrichedPart() {
    LinuxRecord record =
        body(
            "USER",
            "pid=1 uid=0 auid=4294967295 msg='a=' auid=0 res=success'^AUID=\"root\" b='"
                + "^UID=\"root\" AUID=\"unset\"");
    assertThat(record.fields())
        .containsAllEntriesOf(
            Map.of("auid", "4294967295", "msg.auid", "0", "UID", "root", "AUID", "unset"));
    LinuxRecord raw = body("USER", "pid=1 auid=5 msg='a'^AUID=\"root\" success=yes'");
    assertThat(raw.fields()).doesNotContainKeys("AUID", "success");
    LinuxRecord named = body("SYSCALL", "msg.acct=x pid=1");
    assertThat(named.fields()).isEqualTo(Map.of("pid", "1"));
  }

  @Test
  void daemonEnd_ignoresWhatAnEarlierMessageLeftBehindSubj() {
    LinuxRecord record =
        body(
            "DAEMON_END",
            "op=terminate auid=0 pid=12333 subj=24970459.090:670): pid=12323 uid=0"
                + " auid=4294967295 ses=4294967295 msg='op=PAM:x acct=\"y\" res=failed' res=success");
    assertThat(record.fields())
        .isEqualTo(
            fieldsOf(
                "op",
                "terminate",
                "auid",
                "0",
                "pid",
                "12333",
                "subj",
                "24970459.090:670):",
                "res",
                "success"));
    assertThat(
            body("DAEMON_END", "op=terminate auid=-1 subj=? res=success^AUID=\"unset\"").fields())
        .isEqualTo(
            fieldsOf(
                "op", "terminate", "auid", "-1", "subj", "?", "res", "success", "AUID", "unset"));
    assertThat(body("DAEMON_END", "auid=1 subj=? uid=7").fields())
        .isEqualTo(fieldsOf("auid", "1", "subj", "?"));
  }

  @Test
  void daemonOf2005_hasATimeAndItsText() {
    LinuxRecord record =
        parse("type=DAEMON msg=auditd(1111114591) auditd normal halt, pid=18077, uid=0");
    assertThat(record.stamp()).isEqualTo(new LinuxRecord.Stamp(null, 1_111_114_591L, 0, 0));
    assertThat(record.type().name()).isEqualTo("DAEMON");
    assertThat(record.type().standsAlone()).isTrue();
    assertThat(record.fields())
        .isEqualTo(
            fieldsOf("text", "auditd normal halt, pid=18077, uid=0", "pid", "18077", "uid", "0"));
  }

  @Test
  void namesFromOutside_areForgottenBetweenRecords() {
    for (int name = 0; name < 20_000; name++) {
      LinuxRecord record = body("SYSCALL", "n" + name + "=1 n" + name + "=2 uid=0 uid=1");
      assertThat(record.fields()).isEqualTo(Map.of("n" + name, "1", "uid", "0"));
    }
  }

  @Test
  void everyRecordType_hasItsNumber() {
    List<String> names = List.of("USER", "DAEMON_END", "EXECVE", "APPARMOR_DENIED", "VIRT_CONTROL");
    List<Integer> numbers = List.of(1005, 1201, 1309, 1503, 2500);
    assertThat(names.stream().map(name -> body(name, "").type().number()))
        .containsExactlyElementsOf(numbers);
  }
}
