// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.capture;

import static auditbus.agent.capture.KillSamples.bytes;
import static auditbus.agent.capture.KillSamples.find;
import static auditbus.agent.capture.KillSamples.kill;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import auditbus.agent.RequiredTools;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KillFinderTest {
  private static final String KILL =
      "type=SYSCALL msg=audit(1795170528.496:19): arch=%s syscall=%d success=yes exit=0 a0=%s a1=%s"
          + " a2=%s a3=%s items=0 ppid=1 pid=19342 auid=1000 uid=%d gid=0 euid=%d suid=0 fsuid=0"
          + " egid=0 sgid=0 fsgid=0 tty=(none) ses=2 comm=\"kill\" exe=\"/usr/bin/kill\" key=\"sig\"\n"
          + "type=OBJ_PID msg=audit(1795170528.496:19): opid=19320 oauid=-1 ouid=0 oses=-1"
          + " ocomm=\"auditd\"\n";

  /** What each log shows of signals to its daemon: from the notes on how it was made. */
  static final Map<String, List<String>> EXPECTED =
      Map.ofEntries(
          Map.entry("linux/01-term-auid1000-sender-alive.log 19288", List.of()),
          Map.entry(
              "linux/02-term-auid1000-sender-exits.log 19320",
              List.of("19 signal=15 yes auid=1000 uid=0 ses=2 pid=19342 c000003e/62")),
          Map.entry(
              "linux/03-term-auid-unset-uid0.log 19359",
              List.of("25 signal=15 yes auid=- uid=0 ses=- pid=19382 c000003e/62")),
          Map.entry(
              "linux/04-hup-auid1000-then-unset.log 19535",
              List.of(
                  "38 signal=1 yes auid=1000 uid=0 ses=3 pid=19557 c000003e/62",
                  "39 signal=1 yes auid=- uid=0 ses=- pid=19560 c000003e/62",
                  "40 signal=15 yes auid=- uid=0 ses=- pid=19280 c000003e/62")),
          Map.entry(
              "linux/05-usr1-rotate.log 19579",
              List.of(
                  "47 signal=10 yes auid=1000 uid=0 ses=4 pid=19601 c000003e/62",
                  "48 signal=10 yes auid=- uid=0 ses=- pid=19604 c000003e/62",
                  "49 signal=15 yes auid=- uid=0 ses=- pid=19280 c000003e/62")),
          Map.entry(
              "linux/06-usr2-resume.log 19623",
              List.of(
                  "56 signal=12 yes auid=1000 uid=0 ses=5 pid=19645 c000003e/62",
                  "59 signal=15 yes auid=- uid=0 ses=- pid=19280 c000003e/62")),
          Map.entry(
              "linux/07-cont-state.log 19696",
              List.of("66 signal=18 yes auid=1000 uid=0 ses=6 pid=19718 c000003e/62")),
          Map.entry("linux/08-sigkill-then-restart.log 19737", List.of()),
          Map.entry(
              "linux/09-term-attribution-lost-strace.log 27995",
              List.of("10266 signal=15 yes auid=1000 uid=0 ses=275 pid=28022 c000003e/62")),
          Map.entry(
              "linux/10-coalesced-hup1000-term1001.log 31790",
              List.of("150833 signal=19 yes auid=- uid=0 ses=- pid=31782 c000003e/62")),
          Map.entry(
              "linux/11-eperm-poison.log 31924",
              List.of(
                  "150857 signal=1 yes auid=1000 uid=0 ses=320 pid=31989 c000003e/62",
                  "150858 signal=15 no auid=- uid=65534 ses=- pid=32034 c000003e/62",
                  "150859 signal=15 yes auid=- uid=0 ses=- pid=31782 c000003e/62")),
          Map.entry("linux/12-sigkill-then-restart.log 32093", List.of()),
          Map.entry(
              "linux/12-sigkill-then-restart.log 32128",
              List.of("150869 signal=15 yes auid=- uid=0 ses=- pid=31782 c000003e/62")),
          Map.entry("linux/14-second-auditd-abort.log 32207", List.of()),
          Map.entry(
              "linux/15-hup-bad-config.log 32224",
              List.of(
                  "150891 signal=1 yes auid=1000 uid=0 ses=323 pid=32247 c000003e/62",
                  "150892 signal=15 yes auid=- uid=0 ses=- pid=31782 c000003e/62")),
          Map.entry(
              "linux/17-other-signal-syscalls-and-injection.log 23469",
              List.of(
                  "34211478 signal=10 yes auid=1000 uid=0 ses=1416 pid=23493 c000003e/234",
                  "34211479 signal=12 yes auid=1000 uid=0 ses=1416 pid=23493 c000003e/200",
                  "34211480 signal=1 yes auid=1000 uid=0 ses=1416 pid=23493 c000003e/424",
                  "34211481 signal=10 yes auid=1000 uid=0 ses=1416 pid=23493 c000003e/129",
                  "34211482 signal=18 yes auid=1000 uid=0 ses=1416 pid=23493 c000003e/62",
                  "34211483 signal=0 yes auid=1000 uid=0 ses=1416 pid=23493 c000003e/62")),
          Map.entry(
              "linux/20-head-4.2.2-signals.log 3081",
              List.of(
                  "151092 signal=1 yes auid=1000 uid=0 ses=364 pid=3151 c000003e/62",
                  "151094 signal=1 yes auid=1000 uid=0 ses=365 pid=3299 c000003e/62",
                  "151096 signal=10 yes auid=1000 uid=0 ses=366 pid=3467 c000003e/62",
                  "151098 signal=12 yes auid=1000 uid=0 ses=367 pid=3634 c000003e/62",
                  "151100 signal=1 yes auid=1000 uid=0 ses=368 pid=3807 c000003e/424",
                  "151101 signal=10 yes auid=1000 uid=0 ses=368 pid=3892 c000003e/424",
                  "151102 signal=18 yes auid=1000 uid=0 ses=368 pid=3981 c000003e/424",
                  "151103 signal=12 yes auid=1000 uid=0 ses=368 pid=4071 c000003e/424",
                  "151104 signal=15 yes auid=1000 uid=0 ses=368 pid=4158 c000003e/424")),
          Map.entry(
              "netlink/kill-term.txt 31287",
              List.of("46212454 signal=15 yes auid=1000 uid=0 ses=1426 pid=31347 c000003e/62")),
          Map.entry(
              "capture/kill-sequence.txt 16771",
              List.of(
                  "5374 signal=1 yes auid=1000 uid=0 ses=127 pid=16803 c000003e/62",
                  "5378 signal=10 yes auid=1000 uid=0 ses=128 pid=16841 c000003e/62",
                  "5380 signal=12 yes auid=1000 uid=0 ses=129 pid=16847 c000003e/62",
                  "5381 signal=1 yes auid=- uid=0 ses=- pid=16853 c000003e/62",
                  "5383 signal=28 yes auid=1001 uid=0 ses=130 pid=16859 c000003e/62",
                  "5385 signal=10 yes auid=1002 uid=0 ses=131 pid=16883 c000003e/424",
                  "5388 signal=1 yes auid=1003 uid=65534 ses=132 pid=16932 c000003e/62",
                  "5390 signal=15 yes auid=1000 uid=0 ses=133 pid=16959 c000003e/62")),
          // The call as a whole succeeded; the daemon was none of those it reached.
          Map.entry(
              "capture/kill-all-unprivileged.log 1049",
              List.of("4 signal=15 no auid=- uid=64999 ses=- pid=1068 c000003e/62")),
          Map.entry(
              "capture/kill-all-unprivileged.log 1066",
              List.of("4 signal=15 yes auid=- uid=64999 ses=- pid=1068 c000003e/62")));

  static List<String> samples() {
    return EXPECTED.keySet().stream().sorted().toList();
  }

  @ParameterizedTest
  @org.junit.jupiter.params.provider.MethodSource("samples")
  void sample_showsWhoSignalledItsDaemon(String sample) {
    String[] parts = sample.split(" ", -1);
    assertThat(find(bytes(parts[0]), Integer.parseInt(parts[1])))
        .extracting(KillSamples::line)
        .isEqualTo(EXPECTED.get(sample));
  }

  @Test
  void stamp_isTold() {
    assertThat(find(kill(19, 15, true, 1000, 19342, 19320), 19320))
        .singleElement()
        .satisfies(
            event -> {
              assertThat(event.stamp()).isEqualTo("1795170528.496:19");
              assertThat(event.timeMillis()).isEqualTo(1795170528496L);
              assertThat(event.serial()).isEqualTo(19);
              assertThat(event.answeredUid()).isEqualTo(1000);
            });
  }

  @ParameterizedTest
  @CsvSource({
    "c000003e, 62, f, 0",
    "c000003e, 200, f, 0",
    "c000003e, 234, 4b78, f",
    "c000003e, 129, f, 0",
    "c000003e, 297, 4b78, f",
    "c000003e, 424, f, 0",
    "c000003e, 1073741886, f, 0",
    "c000003e, 1073742348, f, 0",
    "c000003e, 1073742360, 4b78, f",
    "40000003, 37, f, 0",
    "40000003, 270, 4b78, f",
    "c00000b7, 129, f, 0",
    "c00000b7, 131, 4b78, f",
    "40000028, 37, f, 0",
    "40000028, 268, 4b78, f",
    "80000016, 37, f, 0",
    "80000016, 241, 4b78, f",
    "c0000015, 37, f, 0",
    "c0000015, 250, 4b78, f",
    "c00000f3, 129, f, 0",
    "c00000f3, 131, 4b78, f",
    // the kernel takes an int
    "c000003e, 62, ffffffff0000000f, 0",
  })
  void call_hasItsSignalInTheRightArgument(String arch, int number, String a1, String a2) {
    String text = KILL.formatted(arch, number, "4b78", a1, a2, "0", 0, 0);
    assertThat(find(text, 19320)).extracting(KillEvent::signal).containsExactly(15);
  }

  @Test
  void otherCall_isNoSignal() {
    for (String call : List.of("c000003e 61", "c000003e 37", "40000003 62", "deadbeef 62")) {
      String[] parts = call.split(" ", -1);
      String text =
          KILL.formatted(parts[0], Integer.parseInt(parts[1]), "4b78", "f", "0", "0", 0, 0);
      assertThat(find(text, 19320)).as(call).isEmpty();
    }
  }

  @Test
  void callNumbers_areAusyscalls() throws IOException, InterruptedException {
    // riscv64 is not known to it and answered with x86_64's numbers.
    Map<String, Integer> arches =
        Map.of(
            "x86_64", 0xc000003e,
            "i386", 0x40000003,
            "aarch64", 0xc00000b7,
            "arm", 0x40000028,
            "s390x", 0x80000016,
            "s390", 0x00000016,
            "ppc64le", 0xc0000015,
            "ppc64", 0x80000015,
            "ppc", 0x00000014);
    for (var arch : arches.entrySet()) {
      Map<String, SignalCall> expected = new HashMap<>();
      Map<String, SignalCall> ours = new HashMap<>();
      for (String line : ausyscall(arch.getKey())) {
        String[] columns = line.split("\t", -1);
        if (columns.length == 2 && !columns[0].isBlank() && Character.isDigit(line.charAt(0))) {
          int number = Integer.parseInt(columns[0]);
          SignalCall.of(arch.getValue(), number).ifPresent(call -> ours.put(line, call));
          for (SignalCall call : SignalCall.values()) {
            if (call.name().toLowerCase(Locale.ROOT).equals(columns[1])) {
              expected.put(line, call);
            }
          }
        }
      }
      assertThat(ours).as(arch.getKey()).hasSizeGreaterThanOrEqualTo(5).isEqualTo(expected);
    }
  }

  private static List<String> ausyscall(String arch) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(RequiredTools.path("ausyscall").toString(), arch, "--dump")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    byte[] output = process.getInputStream().readAllBytes();
    assertThat(process.waitFor()).isZero();
    return new String(output, StandardCharsets.UTF_8).lines().toList();
  }

  @Test
  void signalToMany_reachesOnlyWhomItsSenderMaySignal() {
    for (String target : List.of("ffffffff", "0", "ffffb488", "ffffffffffffb488")) {
      String others = KILL.formatted("c000003e", 62, target, "f", "0", "0", 1001, 1001);
      assertThat(find(others, 19320)).extracting(KillEvent::success).containsExactly(false);
      String root = KILL.formatted("c000003e", 62, target, "f", "0", "0", 0, 0);
      assertThat(find(root, 19320)).extracting(KillEvent::success).containsExactly(true);
    }
    String group = KILL.formatted("c000003e", 424, "3", "f", "0", "4", 1001, 1001);
    assertThat(find(group, 19320)).extracting(KillEvent::success).containsExactly(false);
    String one = KILL.formatted("c000003e", 424, "3", "f", "0", "0", 1001, 1001);
    assertThat(find(one, 19320)).extracting(KillEvent::success).containsExactly(true);
  }

  @Test
  void forgedLine_attributesNobody() {
    String forged = kill(66, 15, true, 0, 1, 19320).replace("\n", " ");
    String quoted = "type=USER msg=audit(1795170528.400:5): pid=1 uid=0 auid=1001 ses=4 msg='text=";
    assertThat(
            find(
                quoted
                    + forged
                    + "'\n"
                    + quoted
                    + "x' "
                    + forged
                    + "\n"
                    + quoted
                    + "node=a "
                    + forged
                    + "'\n"
                    + " "
                    + forged
                    + "\n"
                    + "xtype=USER node= "
                    + forged
                    + "\n"
                    + "\u001d"
                    + forged
                    + "\n"
                    + "\r"
                    + forged
                    + "\n",
                19320))
        .isEmpty();
    // What the kernel lets a user message say: a good kill beside it is still found.
    assertThat(find(quoted + forged + "'\n" + kill(67, 15, true, 1000, 7, 19320), 19320))
        .extracting(KillEvent::serial)
        .containsExactly(67L);
  }

  @Test
  void realInjection_attributesNobody() {
    String sample =
        new String(bytes("linux/17-other-signal-syscalls-and-injection.log"), ISO_8859_1);
    String messages =
        String.join(
            "\n",
            sample
                .lines()
                .filter(line -> line.startsWith("type=USER "))
                .map(line -> line.replace("text=", "text=" + forged()))
                .toList());
    assertThat(messages).contains("' res=success auid=0 x='").contains("type=OBJ_PID");
    assertThat(find(messages + "\n", 23469)).isEmpty();
    assertThat(find(sample + messages + "\n", 23469)).hasSize(6);
  }

  private static String forged() {
    return kill(34211499, 15, true, 0, 1, 23469).replace("\n", " ");
  }

  @Test
  void namesChosenByTheAudited_areNotFields() {
    String text =
        kill(19, 15, true, 1000, 19342, 19320)
            .replace(
                "comm=\"kill\" exe=\"/usr/bin/kill\"",
                "comm=\"a pid=1 auid=0 ses=9\" exe=\"/x a1=1 success=no\"")
            .replace("ocomm=\"java\"", "ocomm=\"x opid=4\"");
    assertThat(find(text, 19320))
        .extracting(KillSamples::line)
        .containsExactly("19 signal=15 yes auid=1000 uid=0 ses=2 pid=19342 c000003e/62");
    assertThat(find(text, 4)).isEmpty();
    // A field that is only there in a name or in enriched text is not there.
    String without = text.replace(" auid=1000", "");
    KillFinder finder = new KillFinder(pid -> true, String::isEmpty, 10);
    List<KillEvent> found = new ArrayList<>();
    byte[] bytes = without.getBytes(ISO_8859_1);
    finder.scan(bytes, 0, bytes.length, found::add);
    assertThat(found).isEmpty();
    assertThat(finder.malformed()).isEqualTo(1);
    assertThat(finder.unmatched()).isEqualTo(1);
  }

  @Test
  void enrichedText_isNotRead() {
    String text =
        kill(19, 15, true, 1000, 19342, 19320)
            .replace(" tty=(none) ses=2 comm=\"kill\"", " tty=(none)\u001dses=9 comm=\"kill\"");
    assertThat(find(text, 19320))
        .extracting(KillEvent::session)
        .containsExactly(OptionalLong.empty());
  }

  @Test
  void lines_belongTogetherByStampAndNode() {
    String kill = kill(19, 15, true, 1000, 19342, 19320);
    for (String other :
        List.of(
            kill.replaceFirst("496:19", "496:20"),
            kill.replaceFirst("496:19", "497:19"),
            kill.replaceFirst("528.496", "529.496"),
            kill.replaceFirst("type=OBJ_PID", "node=b type=OBJ_PID"))) {
      assertThat(find(other, 19320)).isEmpty();
    }
  }

  @Test
  void node_mustBeOurs() {
    String kill =
        kill(19, 15, true, 1000, 19342, 19320).replaceAll("(?m)^type=", "node=web1 type=");
    assertThat(find(kill, 19320)).isEmpty();
    for (String node : List.of("web1", "web2")) {
      List<KillEvent> found = new ArrayList<>();
      byte[] bytes = kill.getBytes(ISO_8859_1);
      new KillFinder(pid -> pid == 19320, node::equals, 10)
          .scan(bytes, 0, bytes.length, found::add);
      assertThat(found).hasSize(node.equals("web1") ? 1 : 0);
    }
  }

  @Test
  void targetsOfOneCall_areToldOnce() {
    String target = "type=OBJ_PID msg=audit(1795170528.496:19): opid=%d oauid=-1 ouid=0\n";
    String text =
        kill(19, 15, true, 1000, 19342, 7)
            + target.formatted(19320)
            + target.formatted(19321)
            + target.formatted(19320);
    byte[] bytes = text.getBytes(ISO_8859_1);
    List<KillEvent> found = new ArrayList<>();
    new KillFinder(pid -> pid >= 19320, String::isEmpty, 10)
        .scan(bytes, 0, bytes.length, found::add);
    assertThat(found).hasSize(1);
  }

  @Test
  void forgottenCall_isCounted() {
    String first = kill(10, 15, true, 1000, 19342, 19320);
    int end = first.indexOf("type=OBJ_PID");
    StringBuilder text = new StringBuilder(first.substring(0, end));

    for (int i = 11; i < 21; i++) {
      String other = kill(i, 15, true, 1000, 19342, 7);
      text.append(other, 0, other.indexOf("type=OBJ_PID"));
    }
    text.append(first.substring(end));
    byte[] bytes = text.toString().getBytes(ISO_8859_1);
    for (int most : List.of(10, 11)) {
      KillFinder finder = new KillFinder(pid -> pid == 19320, String::isEmpty, most);
      List<KillEvent> found = new ArrayList<>();
      finder.scan(bytes, 0, bytes.length, found::add);
      assertThat(found).hasSize(most - 10);
      assertThat(finder.evicted()).isEqualTo(11 - most);
      assertThat(finder.unmatched()).isEqualTo(11 - most);
    }
  }

  @Test
  void damagedLines_areNoRecords() {
    String kill = kill(19, 15, true, 1000, 19342, 19320);
    for (int cut = 0; cut < kill.indexOf("type=PROCTITLE"); cut++) {
      assertThat(find(kill.substring(0, cut) + "\n" + "type=EOE msg=audit(1.000:1): \n", 19320))
          .as("cut at %d", cut)
          .hasSizeLessThanOrEqualTo(1)
          .allMatch(event -> event.auid().getAsLong() == 1000 && event.signal() == 15);
    }
    for (String damage :
        List.of("audit(16523210---)", "audit(1.2:3)", "audit(:)", "audit(1795170528.496:19)")) {
      assertThat(find(kill.replace("audit(1795170528.496:19):", damage), 19320)).isEmpty();
    }
  }
}
