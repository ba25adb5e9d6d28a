// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Span;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.AuditEvent;
import auditbus.schemas.AuditRecord;
import auditbus.schemas.AvroSerde;
import auditbus.schemas.SchemaRegistryClient;
import auditbus.schemas.SchemaRegistryConfig;
import auditbus.schemas.Topics;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;

/**
 * Feeds mutated pieces of the samples to one decoder after the other and checks what a trail may
 * count on: nothing throws; every input byte is in exactly one event, unchanged; what is open stays
 * within the limits; every event goes to Avro and back.
 *
 * <p>An input is one to four lines that stood together in a sample, changed one to five times. A
 * decoder takes some hundreds of them, so that what it learnt from one meets the next. The same
 * seed makes the same inputs.
 */
final class TextFuzz implements AutoCloseable {
  private static final String[] WORDS = {
    "\n",
    " ",
    "=",
    "'",
    "\"",
    "msg='",
    "\u001d",
    "\u0000",
    "(",
    ")",
    ".",
    ":",
    "{",
    "}",
    "[",
    "type=",
    "node=",
    "node=b ",
    "audit(",
    "msg=audit(",
    "18446744073709551616",
    "-1",
    "subj=",
    "res=",
    "a0[",
    "a1_len=",
    "a1_len=4294967296 ",
    "a1[2147483647]=41",
    "argc=2147483648",
    "items=99999999999",
    "avc:  denied  {",
    "saddr=0A",
    "saddr=0100",
    "saddr=1000",
    "proctitle=",
    "key=",
    "\u00ff",
    "\u00c3\u00a4",
    "\u00e2\u0082",
    "items=",
    "argc=",
    "type=EXECVE ",
    "type=AVC ",
    "type=USER_LOGIN ",
    "type=EOE ",
    "type=PROCTITLE ",
    "type=DAEMON msg=auditd(",
    "UNKNOWN[",
    "(null)",
    "\r",
    "msg.auid=0 ",
    " key=01",
    "%41",
    "auid=0 ",
    "SYSCALL=",
    "arch=c000003e syscall=59 "
  };
  // One in so many events is read back; all are written.
  private static final int READ_BACK = 16;
  private static final int MAX_FIELD_BYTES = 20_000;

  private final Random random;
  private final List<List<byte[]>> samples = new ArrayList<>();
  private final HttpServer registry;
  private final AvroSerde<AuditEvent> serde;

  // Lines handed over whose event has not come yet, by position.
  private final Map<Long, byte[]> missing = new HashMap<>();
  private AuparseDecoder decoder;
  private Limits limits;
  private long position;
  private long now;
  private long inputs;
  private long lines;
  private long events;
  private long bytes;

  TextFuzz(long seed) throws IOException {
    random = new Random(seed);
    for (Path sample : Samples.all()) {
      samples.add(Samples.frame(Samples.bytes(sample)).stream().map(TrailRecord::raw).toList());
    }
    registry = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    String schema =
        AuditEvent.getClassSchema().toString().replace("\\", "\\\\").replace("\"", "\\\"");
    byte[] answer =
        "{\"id\":1,\"schema\":\"%s\"}".formatted(schema).getBytes(StandardCharsets.UTF_8);
    registry.createContext(
        "/",
        exchange -> {
          try (exchange) {
            exchange.getRequestBody().readAllBytes();
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
          }
        });
    registry.start();
    serde =
        new AvroSerde<>(
            new SchemaRegistryClient(
                Map.of(
                    SchemaRegistryConfig.URL,
                    "http://localhost:" + registry.getAddress().getPort())));
  }

  /** {@code TextFuzz INPUTS [SEED]}. */
  public static void main(String[] args) throws IOException {
    long seed = args.length > 1 ? Long.parseLong(args[1]) : System.nanoTime();
    try (TextFuzz fuzz = new TextFuzz(seed)) {
      System.out.println(fuzz.run(Long.parseLong(args[0]), seed));
    }
  }

  @Override
  public void close() {
    registry.stop(0);
  }

  /** Runs so many inputs and says what they were; throws an AssertionError at the first finding. */
  String run(long wanted, long seed) {
    long start = System.nanoTime();
    try {
      while (inputs < wanted) {
        renewDecoder();
        for (int left = random.nextInt(1, 400); left > 0 && inputs < wanted; left--) {
          input();
        }
        decoder.flush(this::check);
        verify(missing.isEmpty(), "records in no event: ", missing.size());
        verify(decoder.openBytes() == 0 && decoder.openRecords() == 0, "something stays open");
        verify(decoder.defects() == 0, "the parser threw");
      }
    } catch (RuntimeException | AssertionError e) {
      throw new AssertionError("seed " + seed + ", input " + inputs + ": " + e, e);
    }
    return String.format(
        Locale.ROOT,
        "%,d mutated inputs of text (%,d lines, %,d bytes, %,d events), seed %d: no finding, %.0f s",
        inputs,
        lines,
        bytes,
        events,
        seed,
        (System.nanoTime() - start) / 1e9);
  }

  private void renewDecoder() {
    limits =
        random.nextInt(3) == 0
            ? Limits.defaults()
            : new Limits(
                random.nextInt(1, 3_000),
                Duration.ofNanos(random.nextInt(1, 100)),
                random.nextInt(1, 12),
                random.nextInt(1, 9_000));
    decoder = new AuparseDecoder(Samples.ORIGIN, limits, () -> now);
  }

  private void input() {
    inputs++;
    List<byte[]> sample = samples.get(random.nextInt(samples.size()));
    int first = random.nextInt(sample.size());
    List<byte[]> chosen =
        new ArrayList<>(
            sample.subList(first, Math.min(sample.size(), first + random.nextInt(1, 5))));
    if (random.nextInt(8) == 0) {
      Collections.shuffle(chosen, random);
    }
    byte[] text = join(chosen);
    for (int change = random.nextInt(1, 6); change > 0; change--) {
      text = mutate(text);
    }
    int from = 0;
    for (int at = 0; at < text.length; at++) {
      if (text[at] == '\n' || at + 1 == text.length) {
        accept(Arrays.copyOfRange(text, from, at + 1), text[at] == '\n');
        from = at + 1;
      }
    }
  }

  private void accept(byte[] raw, boolean whole) {
    TrailRecord record =
        new TrailRecord(
            Samples.TRAIL, position, raw, whole && random.nextInt(50) != 0, Samples.OBSERVED);
    missing.put(position, raw);
    position += raw.length;
    lines++;
    bytes += raw.length;
    now++;
    decoder.accept(record, random.nextInt(3) == 0, this::check);
    if (random.nextInt(10) == 0) {
      now += random.nextInt(100);
      decoder.expire(now, this::check);
    }
    verify(
        decoder.openBytes() <= limits.maxOpenBytes(),
        "open bytes beyond the limits: ",
        decoder.openBytes(),
        limits);
    verify(
        decoder.openRecords() == missing.size(),
        "open records, and those that no event had yet: ",
        decoder.openRecords(),
        missing.size());
  }

  private void check(DecodedEvent decoded) {
    events++;
    AuditEvent event = decoded.event();
    List<AuditRecord> records = event.getRecords();
    verify(records.size() == decoded.spans().size(), "spans and records differ");
    for (int index = 0; index < records.size(); index++) {
      AuditRecord record = records.get(index);
      byte[] raw = missing.remove(record.getPosition());
      verify(raw != null, "a record that was not there, or is in two events: ", record);
      verify(record.getRaw().equals(ByteBuffer.wrap(raw)), "other bytes: ", record);
      verify(record.getLength() == raw.length, "another length: ", record);
      Span span = new Span(Samples.TRAIL, record.getPosition(), record.getPosition() + raw.length);
      verify(span.equals(decoded.spans().get(index)), "another span: ", record);
    }
    byte[] avro = serde.serializer().serialize(Topics.EVENTS.topic(), event);
    if (events % READ_BACK == 0) {
      AuditEvent read = serde.deserializer().deserialize(Topics.EVENTS.topic(), avro);
      verify(event.equals(read), "read back as another event: ", event);
      for (int index = 0; index < records.size(); index++) {
        // A name that is there twice would be one in a map that was read.
        verify(
            read.getRecords().get(index).getFields().size()
                == records.get(index).getFields().size(),
            "a field is there twice: ",
            records.get(index));
      }
    }
  }

  private static void verify(boolean holds, String finding, Object... details) {
    if (!holds) {
      throw new AssertionError(finding + Arrays.toString(details));
    }
  }

  private byte[] mutate(byte[] text) {
    if (text.length == 0) {
      return new byte[] {(byte) random.nextInt(256)};
    }
    int at = random.nextInt(text.length);
    int to = Math.min(text.length, at + random.nextInt(1 << random.nextInt(9)));
    int target = random.nextInt(text.length);
    return switch (random.nextInt(8)) {
      case 0 -> {
        text[at] = (byte) random.nextInt(256);
        yield text;
      }
      case 1 -> {
        text[at] ^= (byte) (1 << random.nextInt(8));
        yield text;
      }
      case 2 -> splice(text, at, to, new byte[0]);
      case 3 -> Arrays.copyOf(text, at);
      case 4, 5 -> {
        String word = WORDS[random.nextInt(WORDS.length)];
        yield splice(text, at, at, word.getBytes(StandardCharsets.ISO_8859_1));
      }
      case 6 -> splice(text, target, target, Arrays.copyOfRange(text, at, to));
      default -> {
        if (random.nextInt(100) != 0) {
          List<byte[]> other = samples.get(random.nextInt(samples.size()));
          byte[] line = other.get(random.nextInt(other.size()));
          int from = random.nextInt(line.length);
          yield splice(text, at, to, Arrays.copyOfRange(line, from, line.length));
        }
        byte[] huge = new byte[random.nextInt(MAX_FIELD_BYTES)];
        Arrays.fill(huge, (byte) WORDS[random.nextInt(WORDS.length)].charAt(0));
        yield splice(text, at, at, huge);
      }
    };
  }

  /** The text with a range of it replaced. */
  static byte[] splice(byte[] text, int from, int to, byte[] insert) {
    byte[] result = new byte[text.length - (to - from) + insert.length];
    System.arraycopy(text, 0, result, 0, from);
    System.arraycopy(insert, 0, result, from, insert.length);
    System.arraycopy(text, to, result, from + insert.length, text.length - to);
    return result;
  }

  private static byte[] join(List<byte[]> lines) {
    int length = 0;
    for (byte[] line : lines) {
      length += line.length;
    }
    byte[] joined = new byte[length];
    int at = 0;
    for (byte[] line : lines) {
      System.arraycopy(line, 0, joined, at, line.length);
      at += line.length;
    }
    return joined;
  }
}
