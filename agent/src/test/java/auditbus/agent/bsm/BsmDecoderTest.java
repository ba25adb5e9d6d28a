// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.bsm;

import static auditbus.agent.bsm.TokenBytes.join;
import static auditbus.agent.bsm.TokenBytes.record;
import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Span;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.Format;
import auditbus.schemas.Outcome;
import auditbus.schemas.Subject;
import auditbus.schemas.Target;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A record becomes an event. */
class BsmDecoderTest {
  private static final byte[] SUBJECT = who(0x7a, 1000, 4711).u32(7).u32(4).hex("c0a8640f").bytes();
  private static final byte[] PROCESS = who(0x26, 1002, 1).u32(0).hex("00000000").bytes();
  private static final byte[] SIGNAL =
      new TokenBytes().u8(0x2d).u8(2).u32(15).string("signal").bytes();
  private static final byte[] SUCCESS = new TokenBytes().u8(0x27).u8(0).u32(0).bytes();
  private static final byte[] REFUSED = new TokenBytes().u8(0x27).u8(1).u32(0xffffffffL).bytes();

  private static TokenBytes who(int id, long auid, long pid) {
    return new TokenBytes()
        .u8(id)
        .u32(auid)
        .u32(0)
        .u32(10)
        .u32(auid + 1)
        .u32(20)
        .u32(pid)
        .u32(pid + 1);
  }

  @Test
  void kill_hasSubjectTargetOutcomeAndTime() {
    byte[] record = record(15, SIGNAL, PROCESS, SUBJECT, SUCCESS);
    AuditEvent event = Decoded.record(record);
    assertThat(event.getHost()).isEqualTo("host");
    assertThat(event.getSource()).isEqualTo("bsm");
    assertThat(event.getTrail()).isEqualTo(Frames.TRAIL);
    assertThat(event.getEpoch()).isEqualTo(7);
    assertThat(event.getObserved()).isEqualTo(Frames.OBSERVED);
    assertThat(event.getFormat()).isEqualTo(Format.BSM);
    assertThat(event.getType()).isEqualTo("AUE_KILL");
    assertThat(event.getTime()).contains(Instant.parse("2023-11-14T22:13:20.127Z"));
    assertThat(event.getSerial()).isZero();
    assertThat(event.getOutcome()).isEqualTo(Outcome.SUCCESS);
    assertThat(event.getSubject())
        .contains(
            new Subject(
                1000L,
                1001L,
                0L,
                20L,
                10L,
                4712L,
                4711L,
                null,
                null,
                null,
                null,
                "192.168.100.15"));
    assertThat(event.getTarget()).contains(new Target(1L, 1002L, 1003L, 2L, null));
    assertThat(event.getSyscall()).isEmpty();
    assertThat(event.getKeys()).isEmpty();
    assertThat(event.getComplete()).isTrue();
    AuditRecord only = event.getRecords().getFirst();
    assertThat(only.getType()).isEqualTo(15);
    assertThat(only.getName()).isEqualTo("AUE_KILL");
    assertThat(only.getRaw()).isEqualTo(ByteBuffer.wrap(record));
    assertThat(only.getFields())
        .containsEntry("argument.2.signal", "0xf")
        .containsEntry("process.pid", "1")
        .containsEntry("subject.audit-uid", "1000")
        .containsEntry("return.errval", "success");
  }

  @Test
  void refusedKill_isAFailure() {
    AuditEvent event = Decoded.record(record(15, SUBJECT, REFUSED));
    assertThat(event.getOutcome()).isEqualTo(Outcome.FAILURE);
    assertThat(Decoded.fields(event)).containsEntry("return.errval", "EPERM");
  }

  @Test
  void outcomeWithoutReturnToken_isUnknownOrTheModifiers() {
    byte[] record = record(15, SUBJECT);
    assertThat(Decoded.record(record).getOutcome()).isEqualTo(Outcome.UNKNOWN);
    record[8] = (byte) 0x80;
    assertThat(Decoded.record(record).getOutcome()).isEqualTo(Outcome.FAILURE);
    assertThat(Decoded.fields(Decoded.record(record))).containsEntry("record.modifier", "32768");
  }

  @Test
  void auditIdThatIsUnset_isNull() {
    AuditEvent event =
        Decoded.record(
            record(
                15,
                who(0x24, 0xffffffffL, 1).u32(0).u32(0).bytes(),
                who(0x26, 0xffffffffL, 1).u32(0).u32(0).bytes()));
    assertThat(event.getSubject().orElseThrow().getAuid()).isEmpty();
    assertThat(event.getSubject().orElseThrow().getAddress()).isEmpty();
    assertThat(event.getTarget().orElseThrow().getAuid()).isEmpty();
    assertThat(Decoded.fields(event)).containsEntry("subject.audit-uid", "-1");
  }

  @Test
  void secondSubject_doesNotReplaceTheFirst() {
    byte[] other = who(0x24, 2000, 1).u32(0).u32(0).bytes();
    AuditEvent event = Decoded.record(record(15, SUBJECT, other, SUCCESS, REFUSED));
    assertThat(event.getSubject().orElseThrow().getAuid()).contains(1000L);
    assertThat(event.getOutcome()).isEqualTo(Outcome.SUCCESS);
    assertThat(Decoded.fields(event))
        .containsEntry("subject.audit-uid", "1000")
        .containsEntry("subject.2.audit-uid", "2000")
        .containsEntry("return.2.errval", "EPERM");
  }

  @ParameterizedTest
  @CsvSource({
    "15, 11, AUE_KILL",
    "45000, 11, AUE_audit_startup",
    "45001, 11, AUE_audit_shutdown",
    "45029, 11, AUE_audit_recovery",
    "43042, 11, AUE_AUDITCTL",
    "43198, 11, AUE_PDKILL",
    "138, 11, AUE_AUDITON",
    "6168, 11, AUE_shutdown",
    "6169, 11, AUE_poweroff",
    "6171, 11, AUE_ftpd_logout",
    "6171, 1, AUE_DARWIN_audit_startup",
    "6172, 2, AUE_ssh",
    "6172, 1, AUE_DARWIN_audit_shutdown",
    "301, 10, AUE_PORTFS",
    "301, 1, AUE_DARWIN_GETFSSTAT",
    "308, 11, AUE_DARWIN_REBOOT",
    "0, 11, AUE_NULL",
    "116, 11, UNKNOWN[116]",
    "65535, 11, UNKNOWN[65535]"
  })
  void eventNumber_hasItsName(int number, int version, String name) {
    AuditEvent event = Decoded.record(record(number, version, SUCCESS));
    assertThat(event.getType()).isEqualTo(name);
    assertThat(event.getRecords().getFirst().getName()).isEqualTo(name);
    assertThat(event.getRecords().getFirst().getType()).isEqualTo(number);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 10, 11, 99, 255})
  void headerOfAnyVersion_isRead(int version) {
    AuditEvent event = Decoded.record(record(15, version, SUBJECT, SUCCESS));
    assertThat(event.getComplete()).isTrue();
    assertThat(event.getSubject().orElseThrow().getAuid()).contains(1000L);
    assertThat(Decoded.fields(event)).containsEntry("record.version", Integer.toString(version));
  }

  @Test
  void headersOfAllKinds_areRead() {
    byte[] wide =
        new TokenBytes()
            .u8(0x74)
            .u32(33)
            .u8(11)
            .u16(15)
            .u16(0)
            .u64(1_700_000_000)
            .u64(127)
            .trailer(33)
            .bytes();
    byte[] extended =
        new TokenBytes()
            .u8(0x15)
            .u32(33)
            .u8(11)
            .u16(15)
            .u16(0)
            .u32(4)
            .hex("0a000001")
            .u32(1_700_000_000)
            .u32(127)
            .trailer(33)
            .bytes();
    byte[] wideExtended =
        new TokenBytes()
            .u8(0x79)
            .u32(53)
            .u8(11)
            .u16(15)
            .u16(0)
            .u32(16)
            .hex("20010db8000000000000000000000001")
            .u64(1_700_000_000)
            .u64(127)
            .trailer(53)
            .bytes();
    List<DecodedEvent> events = Decoded.trail(join(wide, extended, wideExtended));
    assertThat(events).hasSize(3);
    for (DecodedEvent decoded : events) {
      AuditEvent event = decoded.event();
      assertThat(event.getType()).isEqualTo("AUE_KILL");
      assertThat(event.getTime()).contains(Instant.parse("2023-11-14T22:13:20.127Z"));
      assertThat(event.getComplete()).isTrue();
    }
    assertThat(Decoded.fields(events.get(1).event())).containsEntry("record.host", "10.0.0.1");
    assertThat(Decoded.fields(events.get(2).event())).containsEntry("record.host", "2001:db8::1");
  }

  @Test
  void extendedHeaderWithoutAddress_isRead() {
    byte[] record =
        new TokenBytes()
            .u8(0x15)
            .u32(29)
            .u8(11)
            .u16(15)
            .u16(0)
            .u32(5)
            .u32(1_700_000_000)
            .u32(1)
            .trailer(29)
            .bytes();
    AuditEvent event = Decoded.record(record);
    assertThat(event.getTime()).contains(Instant.ofEpochSecond(1_700_000_000, 1_000_000));
    assertThat(event.getComplete()).isTrue();
    assertThat(new PrauditText().line(record))
        .isEqualTo("21,29,11,15,0,invalid,1700000000,1,19,29,");
  }

  @Test
  void headerThatDoesNotFit_keepsItsEventAndItsBytes() {
    byte[] record =
        new TokenBytes()
            .u8(0x15)
            .u32(30)
            .u8(11)
            .u16(15)
            .u16(0)
            .u32(16)
            .u32(1_700_000_000)
            .u32(1)
            .u8(0xee)
            .trailer(30)
            .bytes();
    AuditEvent event = Decoded.record(record);
    assertThat(event.getType()).isEqualTo("AUE_KILL");
    assertThat(event.getTime()).isEmpty();
    assertThat(event.getComplete()).isFalse();
    assertThat(Decoded.fields(event)).containsOnlyKeys("broken.0x15");
  }

  @Test
  void timeNoClockShows_isInTheFields() {
    byte[] late = record(15);
    late[14] = late[15] = late[16] = late[17] = (byte) 0xff;
    AuditEvent event = Decoded.record(late);
    assertThat(event.getTime()).isEmpty();
    assertThat(Decoded.fields(event))
        .containsEntry("record.time", "1700000000")
        .containsEntry("record.msec", "4294967295");
    byte[] far = new TokenBytes().u8(0x74).u32(33).u8(11).u32(0).u64(-1).u64(0).trailer(33).bytes();
    assertThat(Decoded.record(far).getTime()).isEmpty();
    assertThat(Decoded.fields(Decoded.record(far)))
        .containsEntry("record.time", "18446744073709551615");
  }

  @Test
  void fileToken_isAnEventOfItsOwn() {
    byte[] file =
        new TokenBytes().u8(0x11).u32(1_700_000_000).u32(424).string("20231114221320").bytes();
    AuditEvent event = Decoded.record(file);
    assertThat(event.getType()).isEqualTo("FILE");
    assertThat(event.getTime()).contains(Instant.parse("2023-11-14T22:13:20.424Z"));
    assertThat(event.getComplete()).isTrue();
    assertThat(event.getRecords().getFirst().getType()).isZero();
    assertThat(Decoded.fields(event)).containsEntry("file", "20231114221320");
    assertThat(new PrauditText().line(file)).isEqualTo("17,1700000000,424,20231114221320,");
  }

  @Test
  void junkAndTornRecords_areUnparsedWithTheirBytes() {
    byte[] record = record(15, SUBJECT, SUCCESS);
    byte[] junk = "junk".getBytes(StandardCharsets.UTF_8);
    List<DecodedEvent> events = Decoded.trail(join(record, junk, record, new byte[] {0x14, 0}));
    assertThat(events)
        .extracting(event -> event.event().getType())
        .containsExactly("AUE_KILL", "UNPARSED", "AUE_KILL", "UNPARSED");
    AuditEvent unparsed = events.get(1).event();
    assertThat(unparsed.getTime()).isEmpty();
    assertThat(unparsed.getComplete()).isFalse();
    assertThat(unparsed.getFormat()).isEqualTo(Format.BSM);
    AuditRecord only = unparsed.getRecords().getFirst();
    assertThat(only.getType()).isEqualTo(-1);
    assertThat(only.getName()).isEqualTo("UNPARSED");
    assertThat(only.getRaw()).isEqualTo(ByteBuffer.wrap(junk));
    assertThat(only.getFields()).isEmpty();
    assertThat(events.get(1).spans())
        .containsExactly(new Span(Frames.TRAIL, record.length, record.length + 4));
  }

  @Test
  void recordSaidToBeWholeThatIsNot_isUnparsed() {
    BsmDecoder decoder = new BsmDecoder(Decoded.ORIGIN);
    List<DecodedEvent> events = new ArrayList<>();
    byte[] text = "type=SYSCALL msg=audit(1.1:1):\n".getBytes(StandardCharsets.UTF_8);
    decoder.accept(
        new TrailRecord(Frames.TRAIL, 0, text, true, Frames.OBSERVED), true, events::add);
    decoder.accept(
        new TrailRecord(Frames.TRAIL, text.length, record(15), false, Frames.OBSERVED),
        true,
        events::add);
    assertThat(events)
        .extracting(event -> event.event().getType())
        .containsExactly("UNPARSED", "UNPARSED");
    assertThat(decoder.openRecords()).isZero();
    assertThat(decoder.openBytes()).isZero();
  }

  @Test
  void textThatIsNotUtf8_isEscapedAndNamed() {
    byte[] path =
        new TokenBytes().u8(0x23).u16(8).text("/a%").hex("ff").text("b\u00e9").u8(0).bytes();
    AuditEvent event = Decoded.record(record(15, path, path));
    assertThat(Decoded.fields(event))
        .containsEntry("path", "/a%25%FFb\u00e9")
        .containsEntry("path.2", "/a%25%FFb\u00e9");
    assertThat(event.getRecords().getFirst().getEscaped()).containsExactly("path", "path.2");
  }

  @ParameterizedTest
  @CsvSource({
    "3c ffffffff 6100", // more strings than bytes
    "3c 00000002 610062", // the last without its end
    "34 ffff 00000001", // groups
    "23 ffff 2f00", // text
    "21 00 00 ff 00", // units
    "21 00 04 01 00", // no such unit
    "7e 00000005 0a000001", // address types
    "7e 00000000",
    "7f 0002 0001 0008 0016 0a000001 0050 0a000002",
    "13 b105 00000000" // a trailer before the end
  })
  void countsLengthsAndTypesThatCannotBe_costOnlyTheirToken(String hex) {
    byte[] broken = new TokenBytes().hex(hex).bytes();
    AuditEvent event = Decoded.record(record(15, SUBJECT, SUCCESS, broken));
    assertThat(event.getComplete()).isFalse();
    assertThat(event.getSubject().orElseThrow().getAuid()).contains(1000L);
    assertThat(event.getOutcome()).isEqualTo(Outcome.SUCCESS);
    Map<String, String> fields = Decoded.fields(event);
    String name = (broken[0] == 0x13 ? "unknown.0x" : "broken.0x") + hex.substring(0, 2);
    assertThat(fields).containsEntry(name, Texts.hex(broken, 1, broken.length));
  }

  @Test
  void argumentsBeyondTheLimit_hideNoSubject() {
    TokenBytes arguments = new TokenBytes().u8(0x3c).u32(200_000);
    for (int index = 0; index < 200_000; index++) {
      arguments.text("a").u8(0);
    }
    AuditEvent event = Decoded.record(record(23, arguments.bytes(), SUBJECT, SUCCESS));
    assertThat(event.getSubject().orElseThrow().getAuid()).contains(1000L);
    assertThat(event.getComplete()).isTrue();
    Map<String, String> fields = Decoded.fields(event);
    assertThat(fields).hasSizeLessThan(1100).containsEntry("exec_args.1023", "a");
    assertThat(fields.get("exec_args.more")).startsWith("a a a").hasSize(2 * (200_000 - 1024) - 1);
  }

  @Test
  void tokensBeyondTheLimit_hideNoSubject() {
    TokenBytes texts = new TokenBytes();
    for (int index = 0; index < 300_000; index++) {
      texts.u8(0x28).u16(0);
    }
    AuditEvent event = Decoded.record(record(23, texts.bytes(), SUBJECT, SUCCESS));
    assertThat(event.getSubject().orElseThrow().getAuid()).contains(1000L);
    assertThat(event.getOutcome()).isEqualTo(Outcome.SUCCESS);
    assertThat(event.getComplete()).isFalse();
    assertThat(Decoded.fields(event)).hasSizeLessThan(4200).containsKey("unshown.tokens");
  }

  @Test
  void longUnknownToken_isShownInPart() {
    byte[] unknown = new byte[100_000];
    unknown[0] = 0x31;
    AuditEvent event = Decoded.record(record(23, unknown));
    assertThat(Decoded.fields(event).get("unknown.0x31")).hasSize(32_768);
    assertThat(Decoded.fields(event)).containsEntry("unknown.0x31.length", "99999");
  }
}
