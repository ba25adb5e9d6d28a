// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks;

import auditbus.agent.auparse.AuparseDecoder;
import auditbus.agent.auparse.Limits;
import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Origin;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.AvroSerializer;
import auditbus.schemas.Format;
import auditbus.schemas.HostPartition;
import auditbus.schemas.Topics;
import auditbus.schemas.TrailState;
import auditbus.schemas.TrailStatus;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.avro.specific.SpecificRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Fills {@code audit.events} and {@code audit.trails} with the trails of many hosts: {@code
 * TrailLoad BOOTSTRAP REGISTRY FILE MEGABYTES HOSTS TRAILS EVENTS}.
 *
 * <p>Each host in turn adds so many of {@code EventLoad}'s events to its trail, until all trails
 * together have that many megabytes. A host has {@code TRAILS} trails one after the other, each
 * closed with its size and SHA-256; with 0 it has one that stays open. The trails' bytes go to
 * {@code FILE} too, unless it is {@code -}. Values and the producer's settings are the agent's.
 * Prints trails, their bytes, messages, and bytes of the messages.
 */
public final class TrailLoad implements AutoCloseable {
  private static final int ACKED_BEHIND = 1_000;
  private static final String SOURCE = "auditd";

  private final KafkaProducer<byte[], byte[]> producer;
  private final AvroSerializer<SpecificRecord> serializer = new AvroSerializer<>();
  private final Random random = new Random(1);
  private final int partitions;
  private final OutputStream copy;
  private final int trailsAHost;
  private final long trailBytes;
  private volatile Exception failure;
  private long trails;
  private long bytes;
  private long messages;
  private long messageBytes;

  /** One host's present trail as it grows. */
  private static final class Host {
    private final String name;
    private final AuparseDecoder decoder;
    private MessageDigest digest;
    private int trail;
    private long position;
    private long events;

    Host(int number) {
      name = String.format(Locale.ROOT, "host%05d.example.org", number);
      String boot = "0f3c1a52-7a0e-4e7e-9d0b-" + name.substring(4, 9);
      decoder =
          new AuparseDecoder(
              new Origin(name, SOURCE, (_, _) -> Optional.of(boot), 1),
              Limits.defaults(),
              System::nanoTime);
    }

    String id() {
      return time(trail);
    }

    String id(TrailStatus status) {
      return id() + (status == TrailStatus.OPENED ? ".not_terminated" : "." + time(trail + 1));
    }

    private static String time(int number) {
      return String.format(Locale.ROOT, "202611%02d%02d4500", 1 + number / 24, number % 24);
    }
  }

  private TrailLoad(
      String bootstrap, String registry, OutputStream copy, int trailsAHost, long trailBytes) {
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers",
            bootstrap,
            "schema.registry.url",
            registry,
            "compression.type",
            "lz4",
            "linger.ms",
            5,
            "batch.size",
            131_072);
    producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    serializer.configure(settings, false);
    partitions = producer.partitionsFor(Topics.EVENTS.topic()).size();
    this.copy = copy;
    this.trailsAHost = trailsAHost;
    this.trailBytes = trailBytes;
  }

  /** Publishes and prints. */
  public static void main(String[] args) throws Exception {
    long wanted = Long.parseLong(args[3]) * 1_000_000;
    int count = Integer.parseInt(args[4]);
    int trails = Integer.parseInt(args[5]);
    int turn = Integer.parseInt(args[6]);
    try (OutputStream copy =
            args[2].equals("-")
                ? OutputStream.nullOutputStream()
                : new BufferedOutputStream(Files.newOutputStream(Path.of(args[2])), 1 << 20);
        TrailLoad load =
            new TrailLoad(args[0], args[1], copy, trails, wanted / count / Math.max(1, trails))) {
      load.fill(IntStream.range(0, count).mapToObj(Host::new).toArray(Host[]::new), turn, wanted);
      System.out.println(
          load.trails + " " + load.bytes + " " + load.messages + " " + load.messageBytes);
    }
  }

  private void fill(Host[] hosts, int turn, long wanted) throws Exception {
    boolean grown = true;
    while (grown && (trailsAHost > 0 || bytes < wanted)) {
      grown = false;
      for (Host host : hosts) {
        for (int i = 0; i < turn && (trailsAHost == 0 || host.trail < trailsAHost); i++) {
          event(host);
          grown = true;
        }
      }
    }
    producer.flush();
    if (failure != null) {
      throw failure;
    }
  }

  private void event(Host host) throws IOException {
    if (host.position == 0) {
      host.digest = sha256();
      trails++;
      state(host, TrailStatus.OPENED);
    }
    for (String line : EventLoad.text(random, host.events++).split("(?<=\n)", 0)) {
      byte[] raw = line.getBytes(StandardCharsets.UTF_8);
      host.decoder.accept(
          new TrailRecord(host.id(), host.position, raw, true, Instant.now()),
          false,
          event -> publish(host, event));
      host.position += raw.length;
      host.digest.update(raw);
      copy.write(raw);
      bytes += raw.length;
    }
    // A user message has no record that ends it.
    host.decoder.flush(event -> publish(host, event));
    if (trailsAHost > 0 && host.position >= trailBytes) {
      state(host, TrailStatus.TERMINATED);
      host.trail++;
      host.position = 0;
    }
  }

  private void publish(Host host, DecodedEvent decoded) {
    decoded.event().setAcked(Math.max(0, host.position - ACKED_BEHIND));
    byte[] value = serializer.serialize(Topics.EVENTS.topic(), decoded.event());
    messages++;
    messageBytes += value.length;
    send(Topics.EVENTS, host, host.name, value);
  }

  private void state(Host host, TrailStatus status) {
    boolean closed = status == TrailStatus.TERMINATED;
    TrailState state =
        TrailState.newBuilder()
            .setHost(host.name)
            .setSource(SOURCE)
            .setTrail(host.id())
            .setEpoch(1)
            .setFormat(Format.LINUX)
            .setState(status)
            .setName(host.id(status))
            .setSize(host.position)
            .setSha256(closed ? HexFormat.of().formatHex(host.digest.digest()) : null)
            .setAt(Instant.now())
            .build();
    send(
        Topics.TRAILS,
        host,
        host.name + "/" + SOURCE + "/" + host.id(),
        serializer.serialize(Topics.TRAILS.topic(), state));
  }

  private void send(Topics topic, Host host, String key, byte[] value) {
    var _ =
        producer.send(
            new ProducerRecord<>(
                topic.topic(),
                HostPartition.of(host.name, partitions),
                key.getBytes(StandardCharsets.UTF_8),
                value),
            (_, e) -> {
              if (e != null) {
                failure = e;
              }
            });
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }

  @Override
  public void close() {
    producer.close(Duration.ofMinutes(1));
  }
}
