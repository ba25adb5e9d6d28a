// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks;

import auditbus.agent.auparse.AuparseDecoder;
import auditbus.agent.auparse.Limits;
import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Origin;
import auditbus.agent.event.Span;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AvroSerializer;
import auditbus.schemas.HostPartition;
import auditbus.schemas.Topics;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Fills {@code audit.events} with what the agents of many hosts would publish: {@code EventLoad
 * BOOTSTRAP REGISTRY EVENTS HOSTS}.
 *
 * <p>Of ten events four are execve of seven records, four another call of three, two a user
 * message. Each host has one trail, serials without a hole, and {@code acked} five events behind.
 * The same arguments make the same events.
 */
public final class EventLoad {
  private static final String TRAIL = "20261120104500";
  private static final int ACKED_BEHIND = 5;

  private final KafkaProducer<byte[], byte[]> producer;
  private final AvroSerializer<AuditEvent> serializer = new AvroSerializer<>();
  private final int partitions;
  private Future<RecordMetadata> last;
  private long bytes;

  /** One host's trail as it grows. */
  private static final class Host {
    private final String name;
    private final AuparseDecoder decoder;
    private final long[] ends = new long[ACKED_BEHIND];
    private long position;
    private int events;

    Host(int number) {
      name = String.format(Locale.ROOT, "host%05d.example.org", number);
      String boot = "0f3c1a52-7a0e-4e7e-9d0b-" + name.substring(4, 9);
      decoder =
          new AuparseDecoder(
              new Origin(name, "auditd", (_, _) -> Optional.of(boot), 1),
              Limits.defaults(),
              System::nanoTime);
    }
  }

  private EventLoad(String bootstrap, String registry) {
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers",
            bootstrap,
            "schema.registry.url",
            registry,
            "compression.type",
            "lz4",
            "linger.ms",
            20,
            "batch.size",
            131_072);
    producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    serializer.configure(settings, false);
    partitions = producer.partitionsFor(Topics.EVENTS.topic()).size();
  }

  /** Publishes, and prints how many events of how many bytes. */
  public static void main(String[] args) throws Exception {
    EventLoad load = new EventLoad(args[0], args[1]);
    long events = Long.parseLong(args[2]);
    int count = Integer.parseInt(args[3]);
    Map<Integer, Host> hosts = new HashMap<>();
    Random random = new Random(1);
    for (long event = 0; event < events; event++) {
      Host host = hosts.computeIfAbsent((int) (event % count), Host::new);
      load.event(host, text(random, event / count));
    }
    load.producer.flush();
    load.last.get(1, TimeUnit.MINUTES);
    load.producer.close();
    System.out.println(
        events + " events of " + count + " hosts, " + load.bytes / events + " bytes each");
  }

  private void event(Host host, String text) {
    for (String line : text.split("(?<=\n)", 0)) {
      byte[] raw = line.getBytes(StandardCharsets.UTF_8);
      host.decoder.accept(
          new TrailRecord(TRAIL, host.position, raw, true, Instant.now()),
          false,
          event -> publish(host, event));
      host.position += raw.length;
    }
    // A user message has no record that ends it.
    host.decoder.flush(event -> publish(host, event));
  }

  private void publish(Host host, DecodedEvent decoded) {
    AuditEvent event = decoded.event();
    event.setAcked(host.ends[host.events % ACKED_BEHIND]);
    host.ends[host.events++ % ACKED_BEHIND] =
        decoded.spans().stream().mapToLong(Span::end).max().orElseThrow();
    byte[] value = serializer.serialize(Topics.EVENTS.topic(), event);
    bytes += value.length;
    last =
        producer.send(
            new ProducerRecord<>(
                Topics.EVENTS.topic(),
                HostPartition.of(host.name, partitions),
                host.name.getBytes(StandardCharsets.UTF_8),
                value));
  }

  /** One event's lines, of the mixture above. */
  static String text(Random random, long number) {
    int which = random.nextInt(10);
    if (which < 4) {
      return AuditLog.event(random, number);
    }
    String stamp =
        String.format(
            Locale.ROOT,
            "msg=audit(%d.%03d:%d): ",
            1_795_170_000 + number / 250,
            number % 250 * 4,
            1000 + number);
    int pid = 2000 + random.nextInt(30_000);
    if (which < 8) {
      return "type=SYSCALL "
          + stamp
          + "arch=c000003e syscall=87 success=yes exit=0 a0=7ffd0 a1=0 a2=0 a3=8 items=0 ppid=1 pid="
          + pid
          + " auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3"
          + " comm=\"rm\" exe=\"/usr/bin/rm\" key=\"delete\"\u001dARCH=x86_64 SYSCALL=unlink"
          + " AUID=\"admin\" UID=\"root\" GID=\"root\"\n"
          + "type=PROCTITLE "
          + stamp
          + "proctitle=726D002D6600"
          + Integer.toHexString(0x1000_0000 + random.nextInt(0x1000_0000))
          + "\n"
          + "type=EOE "
          + stamp
          + "\n";
    }
    return "type=USER_LOGIN "
        + stamp
        + "pid="
        + pid
        + " uid=0 auid=1000 ses=3 msg='op=login acct=\"admin\" exe=\"/usr/sbin/sshd\""
        + " hostname=? addr=192.0.2.7 terminal=ssh res=success'\u001dUID=\"root\" AUID=\"admin\"\n";
  }
}
