// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import auditbus.schemas.GroupLag;
import auditbus.schemas.Topics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;

/**
 * Runs the real processes, does to them what happens in life, and accounts for every record: {@code
 * Faults PROJECT WORK [--seconds N] [--seed S] [--only KIND,...] [--without-kernel] [--plant
 * all|PLANT,...] [--dry-run]}. Exit code 0: every record came or is said to be missing; 1: not; 2:
 * wrong usage, or something does not start; 3: what was planted was not found.
 */
public final class Faults {
  private static final Duration CATCH_UP = Duration.ofSeconds(90);
  private static final Duration MOST_CATCH_UP = Duration.ofMinutes(6);
  private static final int MOST_FAILURES = 100;
  private static final int LOG_LINES = 40;
  private static final DateTimeFormatter CLOCK =
      DateTimeFormatter.ofPattern("HH:mm:ss.SSS").withZone(ZoneOffset.UTC);

  private final Path project;
  private final Path work;
  private final Settings settings;
  private final Looks looks = new Looks();
  private final Map<String, Integer> happened = new TreeMap<>();
  private final ConcurrentLinkedQueue<Throwable> failed = new ConcurrentLinkedQueue<>();
  private final AtomicBoolean tending = new AtomicBoolean(true);

  private record Settings(
      int seconds, long seed, List<Kind> kinds, boolean kernel, Set<Plants.Plant> plants) {
    String command() {
      return "benchmarks/bin/faults --seconds %d --seed %d%s%s%s"
          .formatted(
              seconds,
              seed,
              kinds.size() == Kind.values().length
                  ? ""
                  : " --only "
                      + (kinds.isEmpty()
                          ? "none"
                          : String.join(",", kinds.stream().map(Kind::label).toList())),
              kernel ? "" : " --without-kernel",
              plants.isEmpty()
                  ? ""
                  : " --plant "
                      + String.join(",", plants.stream().map(Plants.Plant::label).toList()));
    }

    Settings without(Kind kind) {
      return new Settings(
          seconds, seed, kinds.stream().filter(each -> each != kind).toList(), kernel, plants);
    }

    Settings withoutKernel() {
      return new Settings(
          seconds,
          seed,
          kinds,
          false,
          plants.stream()
              .filter(plant -> plant != Plants.Plant.MESSAGE)
              .collect(Collectors.toSet()));
    }

    Schedule schedule() {
      return Schedule.of(seed, seconds, kinds, kernel);
    }
  }

  private Faults(Path project, Path work, Settings settings) {
    this.project = project;
    this.work = work;
    this.settings = settings;
  }

  /** Runs it. */
  public static void main(String[] args) throws Exception {
    int seconds = 180;
    long seed = System.nanoTime() & Integer.MAX_VALUE;
    List<Kind> kinds = List.of(Kind.values());
    Set<Plants.Plant> plants = EnumSet.noneOf(Plants.Plant.class);
    boolean kernel = true;
    boolean dry = false;
    try {
      for (int i = 2; i < args.length; i++) {
        switch (args[i]) {
          case "--seconds" -> seconds = Integer.parseInt(args[++i]);
          case "--seed" -> seed = Long.parseLong(args[++i]);
          case "--only" -> kinds = kinds(args[++i]);
          case "--plant" -> plants = plants(args[++i]);
          case "--without-kernel" -> kernel = false;
          case "--dry-run" -> dry = true;
          default -> throw new IllegalArgumentException(args[i] + " is no option");
        }
      }
    } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
      System.err.println(
          "usage: faults [--seconds N] [--seed S] [--only none|KIND,...] [--without-kernel]"
              + " [--plant all|PLANT,...] [--dry-run]: "
              + e.getMessage()
              + "; kinds: "
              + String.join(",", List.of(Kind.values()).stream().map(Kind::label).toList())
              + "; plants: "
              + String.join(
                  ",", List.of(Plants.Plant.values()).stream().map(Plants.Plant::label).toList()));
      System.exit(2);
    }
    Settings settings = new Settings(seconds, seed, kinds, kernel, plants);
    if (!kernel) {
      settings = settings.withoutKernel();
    }
    if (dry) {
      System.out.println("seed " + seed + ", " + seconds + " s: " + settings.command());
      settings.schedule().planned().forEach(System.out::println);
      System.exit(0);
    }
    System.exit(run(Path.of(args[0]), Path.of(args[1]), settings));
  }

  private static int run(Path project, Path work, Settings wanted) throws InterruptedException {
    Settings settings = wanted;
    if (!Clocks.ofLibrary(work).canStep() && settings.kinds().contains(Kind.CLOCK)) {
      System.out.println("no clock is stepped: libfaketime is not installed (faketime)");
      settings = settings.without(Kind.CLOCK);
    }
    Optional<Messages> messages = Optional.empty();
    if (settings.kernel()) {
      try {
        messages = Optional.of(Messages.open(settings.seed()));
      } catch (IOException e) {
        if ("true".equals(System.getenv("AUDITBUS_REQUIRE_KERNEL"))) {
          System.err.println("faults: the kernel's audit is needed: " + e.getMessage());
          return 2;
        }
        System.out.println("without messages of the kernel: " + e.getMessage());
        settings = settings.withoutKernel();
      }
    }
    try {
      return new Faults(project, work, settings).run(messages);
    } catch (IOException e) {
      System.err.println("faults: " + e.getMessage() + "; again by: " + settings.command());
      return 2;
    } catch (RuntimeException e) {
      // Left to the JVM it would end with 1, which is to mean something else.
      e.printStackTrace();
      System.err.println("faults: a defect of this program; again by: " + settings.command());
      return 2;
    }
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

  private static Set<Plants.Plant> plants(String names) {
    Set<Plants.Plant> plants = EnumSet.noneOf(Plants.Plant.class);
    if (names.equals("all")) {
      return EnumSet.allOf(Plants.Plant.class);
    }
    for (String name : names.split(",", -1)) {
      plants.add(Plants.Plant.valueOf(name.toUpperCase(Locale.ROOT)));
    }
    return plants;
  }

  static String clock() {
    return CLOCK.format(Instant.now());
  }

  private int run(Optional<Messages> messages) throws IOException, InterruptedException {
    System.out.println(
        "seed "
            + settings.seed()
            + ", "
            + settings.seconds()
            + " s, again by: "
            + settings.command());
    Ledger ledger = new Ledger();
    Files.createDirectories(work.resolve("host"));
    for (String process : Schedule.CLOCKS) {
      Files.writeString(work.resolve(process + ".clock"), "+0");
    }
    Clocks clocks =
        settings.kinds().contains(Kind.CLOCK) ? Clocks.ofLibrary(work) : Clocks.real(work);
    Rig rig = new Rig(project, work, clocks, settings.seconds(), messages.isPresent());
    Thread atEnd = new Thread(() -> end(rig, messages), "end");
    Runtime.getRuntime().addShutdownHook(atEnd);
    try {
      Generator generator = new Generator(rig.log(), ledger, settings.seed());
      rig.start();
      System.out.println(clock() + " all run");
      Thread tender = Thread.ofPlatform().daemon().name("tender").start(() -> tend(rig));
      generator.start();
      messages.ifPresent(Messages::start);
      happen(
          new Happening(rig, generator, clocks, looks),
          () -> generator.failure().isPresent() || messages.flatMap(Messages::failure).isPresent());
      Plants plants = new Plants(settings.plants());
      plants.inLog(rig, generator);
      generator.stop();
      if (messages.isPresent()) {
        messages.get().stop();
      }
      System.out.println(clock() + " no more faults, catching up");
      int code = judge(rig, generator, messages, ledger, plants);
      tending.set(false);
      tender.join();
      return code;
    } finally {
      end(rig, messages);
    }
  }

  // Also where this process is told to end in the midst of it.
  private static synchronized void end(Rig rig, Optional<Messages> messages) {
    boolean first = true;
    try {
      first = rig.stop();
    } catch (IOException e) {
      System.err.println("faults: at the end: " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (first && messages.isPresent()) { // also where a disk could not be unmounted
      try {
        messages.get().close();
      } catch (IOException e) {
        System.err.println("faults: the kernel's audit is not as it was found: " + e.getMessage());
      }
    }
  }

  private void tend(Rig rig) {
    try {
      while (tending.get()) {
        rig.tend();
        looks.add(rig.agentLooks(), rig.kafkaTakes());
        TimeUnit.MILLISECONDS.sleep(500);
      }
    } catch (IOException | RuntimeException e) {
      failed.add(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  // Each target's faults in their order, however long they take.
  private void happen(Happening happening, BooleanSupplier isBroken) throws InterruptedException {
    Map<String, ExecutorService> targets = new HashMap<>();
    long begun = System.nanoTime();
    for (Schedule.Planned next : settings.schedule().planned()) {
      sleepUntil(begun, next.atMillis());
      if (isBroken.getAsBoolean()) {
        break; // what comes after would prove nothing; the account says why
      }
      Fault fault = next.fault();
      var _ =
          targets
              .computeIfAbsent(
                  Schedule.resource(fault.kind(), fault.target()),
                  name ->
                      Executors.newSingleThreadExecutor(Thread.ofPlatform().name(name).factory()))
              .submit(() -> happen(happening, fault));
    }
    if (!isBroken.getAsBoolean()) {
      sleepUntil(begun, settings.seconds() * 1000L);
    }
    for (ExecutorService target : targets.values()) {
      target.shutdown();
      if (!target.awaitTermination(2, TimeUnit.MINUTES)) {
        failed.add(new IOException("a fault does not end: see the last lines above"));
      }
    }
  }

  private static void sleepUntil(long begunNanos, long millis) throws InterruptedException {
    long left = begunNanos + TimeUnit.MILLISECONDS.toNanos(millis) - System.nanoTime();
    TimeUnit.NANOSECONDS.sleep(Math.max(0, left));
  }

  private void happen(Happening happening, Fault fault) {
    System.out.println(clock() + " " + fault);
    synchronized (happened) {
      int _ = happened.merge(fault.kind().label() + " | " + fault.target(), 1, Integer::sum);
    }
    try {
      happening.run(fault);
    } catch (IOException | RuntimeException e) {
      failed.add(new IOException(fault + ": " + e, e));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** What there is to say at one time. */
  private record Verdict(
      Optional<Account> account, Optional<MessageAccount> messages, List<String> failures) {}

  private int judge(
      Rig rig, Generator generator, Optional<Messages> messages, Ledger ledger, Plants plants)
      throws IOException, InterruptedException {
    Verdict verdict;
    try (Topic topic = new Topic(rig.bootstrap(), rig.registryUrl(), "read_committed");
        Topic all = new Topic(rig.bootstrap(), rig.registryUrl(), "read_uncommitted");
        Admin admin = Admin.create(Map.of("bootstrap.servers", rig.bootstrap()))) {
      GroupLag lag = new GroupLag(admin);
      // Reading an hour's records takes its time, and a busy machine to catch up: as long as more
      // comes it is waited for.
      long last = System.nanoTime() + MOST_CATCH_UP.toNanos();
      long deadline = System.nanoTime() + CATCH_UP.toNanos();
      List<Long> caughtUp = List.of();
      while (true) {
        try {
          topic.read();
          all.read();
          // A sink whose offsets the broker lost begins anew when nothing more arrives.
          List<Long> progress = List.of(topic.caughtUp, sinkBehind(lag));
          if (!progress.equals(caughtUp)) {
            if (caughtUp.isEmpty()) {
              last = System.nanoTime() + MOST_CATCH_UP.toNanos();
            }
            caughtUp = progress;
            deadline = System.nanoTime() + CATCH_UP.toNanos();
          }
          verdict = verdict(rig, messages, ledger, topic, all, plants::isOf);
        } catch (KafkaException e) {
          verdict =
              new Verdict(
                  Optional.empty(), Optional.empty(), List.of("topics cannot be read: " + e));
        }
        if (verdict.failures().stream().allMatch(plants::isOf)
            || System.nanoTime() > Math.min(deadline, last)) {
          break;
        }
        TimeUnit.MILLISECONDS.sleep(1_000);
      }
      if (!plants.isEmpty() && verdict.failures().stream().allMatch(plants::isOf)) {
        plants.inAccount(ledger, topic, rig.sinkDisk.directory());
        verdict = verdict(rig, messages, ledger, topic, all, _ -> true);
      }
      if (!verdict.failures().isEmpty()) {
        System.out.println(clock() + " the sink has not committed " + sinkBehind(lag) + " records");
      }
    }
    List<String> failures = new ArrayList<>(verdict.failures());
    generator.failure().ifPresent(failed::add);
    messages.flatMap(Messages::failure).ifPresent(failed::add);
    failed.forEach(failure -> failures.add("of this program: " + failure));
    print(rig, generator, verdict, messages, failures);
    if (!plants.isEmpty()) {
      return plants.found(failures) ? 1 : 3;
    }
    if (!failures.isEmpty()) {
      rig.printLogs(LOG_LINES);
      rig.keepTree();
    }
    return failures.isEmpty() ? 0 : 1;
  }

  /** Records the sink has not committed, -1 where Kafka does not tell. */
  private static long sinkBehind(GroupLag lag) throws InterruptedException {
    try {
      return lag.of(
          "connect-" + Rig.SINK, lag.ends(List.of(Topics.EVENTS.topic(), Topics.TRAILS.topic())));
    } catch (IllegalStateException e) {
      return -1;
    }
  }

  private Verdict verdict(
      Rig rig,
      Optional<Messages> messages,
      Ledger ledger,
      Topic topic,
      Topic all,
      Predicate<String> expected)
      throws IOException {
    List<String> failures = new ArrayList<>(rig.unwell());
    Account account = Account.of(ledger, topic, looks);
    failures.addAll(account.failures());
    failures.addAll(Account.ofAgent(topic, Rig.HOST));
    Optional<MessageAccount> ofKernel =
        messages.map(sender -> MessageAccount.of(sender.sent(), topic));
    if (messages.isPresent()) {
      failures.addAll(ofKernel.orElseThrow().failures());
      failures.addAll(Account.ofAgent(topic, Rig.CAPTURE_HOST));
    }
    failures.addAll(
        Account.ofReaders(ledger.next(), messages.map(Messages::numbers).orElse(0), topic, all));
    // The sink waits for what comes before it, and reading a tree takes its time.
    if (failures.stream().allMatch(expected)) {
      failures.addAll(Account.ofTree(ledger, topic, rig.sinkDisk.directory()));
    }
    return new Verdict(Optional.of(account), ofKernel, failures);
  }

  private void print(
      Rig rig,
      Generator generator,
      Verdict verdict,
      Optional<Messages> messages,
      List<String> failures) {
    System.out.println();
    System.out.println("| what | to | how often |");
    System.out.println("|---|---|---|");
    happened.forEach((what, count) -> System.out.printf("| %s | %d |%n", what, count));
    rig.nodes().stream()
        .filter(node -> node.endedByItself() > 0)
        .forEach(
            node ->
                System.out.printf(
                    "| ended by itself | %s | %d |%n", node.name(), node.endedByItself()));
    System.out.printf("| restarted by the operator | sink's task | %d |%n", rig.restartedTasks());
    System.out.println();
    System.out.println(
        "| seed | s | files | records | arrived | duplicates | again, other incarnation |"
            + " said missing | in files nobody could tell of | failures |");
    System.out.println("|---|---|---|---|---|---|---|---|---|---|");
    verdict
        .account()
        .ifPresent(
            all ->
                System.out.printf(
                    "| %d | %d | %d | %d | %d | %d | %d | %d | %d | %d |%n",
                    settings.seed(),
                    settings.seconds(),
                    generator.files(),
                    all.generated(),
                    all.arrived(),
                    all.duplicates(),
                    all.again(),
                    all.missing().size(),
                    all.unseen(),
                    failures.size()));
    verdict
        .messages()
        .ifPresent(
            all ->
                System.out.printf(
                    "%n| messages the kernel took | refused | arrived | said missing |%n"
                        + "|---|---|---|---|%n| %d | %d | %d | %d |%n",
                    all.sent(),
                    messages.map(Messages::refused).orElse(0),
                    all.arrived(),
                    all.missing()));
    if (!failures.isEmpty()) {
      System.out.println();
      failures.stream()
          .limit(MOST_FAILURES)
          .forEach(failure -> System.out.println("FAILURE " + failure));
      System.out.println(failures.size() + " failures; again by: " + settings.command());
    }
  }
}
