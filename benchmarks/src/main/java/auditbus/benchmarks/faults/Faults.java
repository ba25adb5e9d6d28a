// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.common.KafkaException;

/**
 * Runs the real processes, does to them what happens in life, and accounts for every record: {@code
 * Faults PROJECT WORK [--seconds N] [--seed S] [--only KIND,...]}. Exit code 0: every record came
 * or is said to be missing; 1: not; 2: wrong usage.
 */
public final class Faults {
  private static final int MOST_AT_ONCE = 3;
  private static final Duration CATCH_UP = Duration.ofSeconds(75);
  private static final DateTimeFormatter CLOCK =
      DateTimeFormatter.ofPattern("HH:mm:ss.SSS").withZone(ZoneOffset.UTC);

  private final Path project;
  private final Path work;
  private final int seconds;
  private final long seed;
  private final List<Kind> kinds;
  private final Map<Kind, Integer> happened = new EnumMap<>(Kind.class);
  private final ConcurrentLinkedQueue<Throwable> failed = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean tending = new AtomicBoolean(true);

  private Faults(Path project, Path work, int seconds, long seed, List<Kind> kinds) {
    this.project = project;
    this.work = work;
    this.seconds = seconds;
    this.seed = seed;
    this.kinds = kinds;
  }

  /** Runs it. */
  public static void main(String[] args) throws Exception {
    int seconds = 180;
    long seed = System.nanoTime() & Integer.MAX_VALUE;
    List<Kind> kinds = List.of(Kind.values());
    try {
      for (int i = 2; i < args.length; i += 2) {
        String value = args[i + 1];
        switch (args[i]) {
          case "--seconds" -> seconds = Integer.parseInt(value);
          case "--seed" -> seed = Long.parseLong(value);
          case "--only" -> kinds = kinds(value);
          default -> throw new IllegalArgumentException(args[i]);
        }
      }
    } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
      System.err.println(
          "usage: faults [--seconds N] [--seed S] [--only none|KIND,...]: "
              + e.getMessage()
              + "; kinds: "
              + String.join(",", List.of(Kind.values()).stream().map(Kind::label).toList()));
      System.exit(2);
    }
    System.exit(new Faults(Path.of(args[0]), Path.of(args[1]), seconds, seed, kinds).run() ? 0 : 1);
  }

  private static List<Kind> kinds(String names) {
    List<Kind> kinds = new ArrayList<>();
    if (!names.equals("none")) {
      for (String name : names.split(",", -1)) {
        kinds.add(Kind.valueOf(name.toUpperCase(Locale.ROOT)));
      }
    }
    return kinds;
  }

  static String clock() {
    return CLOCK.format(Instant.now());
  }

  private boolean run() throws Exception {
    List<Kind> possible = new ArrayList<>(kinds);
    Clocks clocks = Clocks.real(work);
    if (kinds.contains(Kind.CLOCK)) {
      clocks = Clocks.ofLibrary(work);
      if (!clocks.canStep()) {
        System.out.println("no clock is stepped: libfaketime is not installed (faketime)");
        possible.remove(Kind.CLOCK);
      }
    }
    System.out.println("seed " + seed + ", " + seconds + " s, again by: " + command());
    Ledger ledger = new Ledger();
    Files.createDirectories(work.resolve("host"));
    for (String process : List.of("broker", "registry", "agent", "streams", "worker")) {
      Files.writeString(work.resolve(process + ".clock"), "+0");
    }
    Rig rig = new Rig(project, work, clocks);
    try {
      Generator generator = new Generator(rig.log(), ledger, seed);
      rig.start();
      System.out.println(clock() + " all run");
      Thread tender = Thread.ofPlatform().daemon().name("tender").start(() -> tend(rig));
      generator.start();
      happen(new Happening(rig, generator, clocks), possible);
      generator.stop();
      System.out.println(clock() + " no more faults, catching up");
      boolean well = judge(rig, generator, ledger);
      tending.set(false);
      tender.join();
      return well;
    } finally {
      rig.stop();
    }
  }

  private void tend(Rig rig) {
    try {
      while (tending.get()) {
        rig.tend();
        TimeUnit.MILLISECONDS.sleep(500);
      }
    } catch (IOException | RuntimeException e) {
      failed.add(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void happen(Happening happening, List<Kind> possible) throws InterruptedException {
    Chance chance = new Chance(possible.isEmpty() ? List.of(Kind.ROTATE) : possible, seed);
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    Set<String> busy = new HashSet<>();
    List<Thread> running = new ArrayList<>();
    while (true) {
      long pause = TimeUnit.MILLISECONDS.toNanos(chance.pause());
      if (System.nanoTime() + pause > end) {
        break;
      }
      TimeUnit.NANOSECONDS.sleep(pause);
      if (possible.isEmpty()) {
        continue;
      }
      Fault fault = chance.next();
      running.removeIf(thread -> !thread.isAlive());
      synchronized (busy) {
        if (running.size() >= MOST_AT_ONCE || !busy.add(fault.target())) {
          continue;
        }
      }
      System.out.println(clock() + " " + fault);
      int _ = happened.merge(fault.kind(), 1, Integer::sum);
      running.add(Thread.ofPlatform().daemon().start(() -> happen(happening, fault, busy)));
    }
    for (Thread thread : running) {
      thread.join();
    }
  }

  private void happen(Happening happening, Fault fault, Set<String> busy) {
    try {
      happening.run(fault);
    } catch (IOException | RuntimeException e) {
      failed.add(new IOException(fault + ": " + e, e));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      synchronized (busy) {
        boolean _ = busy.remove(fault.target());
      }
    }
  }

  private boolean judge(Rig rig, Generator generator, Ledger ledger) throws Exception {
    long deadline = System.nanoTime() + CATCH_UP.toNanos();
    List<String> failures = new ArrayList<>();
    Optional<Account> account = Optional.empty();
    try (Topic topic = new Topic(rig.bootstrap(), rig.registryUrl())) {
      while (true) {
        failures.clear();
        failures.addAll(rig.unwell());
        try {
          topic.read();
          Account now = Account.of(ledger.entries(), topic, rig.sinkDisk.directory());
          account = Optional.of(now);
          failures.addAll(now.failures());
        } catch (KafkaException e) {
          failures.add("the topics cannot be read: " + e);
        }
        if (failures.isEmpty() || System.nanoTime() > deadline) {
          break;
        }
        TimeUnit.MILLISECONDS.sleep(1_000);
      }
    }
    generator.failure().ifPresent(failed::add);
    failed.forEach(failure -> failures.add("of this program: " + failure));
    print(rig, generator, account, failures);
    return failures.isEmpty();
  }

  private void print(
      Rig rig, Generator generator, Optional<Account> account, List<String> failures) {
    System.out.println();
    System.out.println("| what | how often |");
    System.out.println("|---|---|");
    happened.forEach((kind, count) -> System.out.printf("| %s | %d |%n", kind.label(), count));
    rig.nodes().stream()
        .filter(node -> node.endedByItself() > 0)
        .forEach(
            node ->
                System.out.printf(
                    "| %s ended by itself | %d |%n", node.name(), node.endedByItself()));
    System.out.printf("| sink restarted by the operator | %d |%n", rig.restartedTasks());
    System.out.println();
    System.out.println(
        "| seed | s | files | records | arrived | duplicates | again, other incarnation | said missing | in files nobody saw | failures |");
    System.out.println("|---|---|---|---|---|---|---|---|---|---|");
    account.ifPresent(
        all ->
            System.out.printf(
                "| %d | %d | %d | %d | %d | %d | %d | %d | %d | %d |%n",
                seed,
                seconds,
                generator.files(),
                all.generated(),
                all.arrived(),
                all.duplicates(),
                all.again(),
                all.missing(),
                all.unseen(),
                failures.size()));
    if (!failures.isEmpty()) {
      System.out.println();
      failures.forEach(failure -> System.out.println("FAILURE " + failure));
      System.out.println("again by: " + command());
    }
  }

  private String command() {
    return "benchmarks/bin/faults --seconds %d --seed %d%s"
        .formatted(
            seconds,
            seed,
            kinds.size() == Kind.values().length
                ? ""
                : " --only "
                    + (kinds.isEmpty()
                        ? "none"
                        : String.join(",", kinds.stream().map(Kind::label).toList())));
  }
}
