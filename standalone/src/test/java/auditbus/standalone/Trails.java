// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import auditbus.agent.auparse.AuparseDecoder;
import auditbus.agent.auparse.Limits;
import auditbus.agent.bsm.BsmDecoder;
import auditbus.agent.event.Boot;
import auditbus.agent.event.DecodedEvent;
import auditbus.agent.event.Decoder;
import auditbus.agent.event.Origin;
import auditbus.agent.event.TrailRecord;
import auditbus.schemas.AuditEvent;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Trails in files as the agent's decoders make events of them. */
final class Trails {
  static final String HOST = "web1";

  private static final String TRAIL = "20261120104500";
  private static final Instant OBSERVED = Instant.parse("2026-11-20T10:45:00Z");
  private static final int VERSION = 11;

  private Trails() {}

  /** The events of a log of auditd, or of a BSM trail in words. */
  static List<AuditEvent> events(Path file) {
    boolean bsm = file.toString().endsWith(".bsm");
    Origin origin = new Origin(HOST, bsm ? "bsm" : "auditd", Boot.UNKNOWN, 7);
    Decoder decoder =
        bsm ? new BsmDecoder(origin) : new AuparseDecoder(origin, Limits.defaults(), () -> 0);
    List<DecodedEvent> events = new ArrayList<>();
    long position = 0;
    for (byte[] record : bsm ? bsm(file) : lines(file)) {
      decoder.accept(new TrailRecord(TRAIL, position, record, true, OBSERVED), false, events::add);
      position += record.length;
    }
    decoder.flush(events::add);
    return events.stream().map(DecodedEvent::event).toList();
  }

  private static List<byte[]> lines(Path file) {
    try {
      byte[] all = Files.readAllBytes(file);
      List<byte[]> lines = new ArrayList<>();
      int from = 0;
      for (int at = 0; at < all.length; at++) {
        if (all[at] == '\n') {
          lines.add(Arrays.copyOfRange(all, from, at + 1));
          from = at + 1;
        }
      }
      return lines;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<byte[]> bsm(Path file) {
    try {
      return Files.readAllLines(file).stream().map(Trails::record).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** header32, the tokens, trailer: the formats of OpenBSM's {@code audit.log(5)}. */
  private static byte[] record(String line) {
    String[] words = line.split(" ", -1);
    String[] time = words[1].split("\\.", -1);
    ByteArrayOutputStream tokens = new ByteArrayOutputStream();
    for (String word : words) {
      int equals = word.indexOf('=');
      if (equals > 0) {
        token(
            new DataOutputStream(tokens),
            word.substring(0, equals),
            word.substring(equals + 1).split(",", -1));
      }
    }
    int length = 18 + tokens.size() + 7;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeByte(0x14);
      out.writeInt(length);
      out.writeByte(VERSION);
      out.writeShort(Integer.parseInt(words[0]));
      out.writeShort(0);
      out.writeInt((int) Long.parseLong(time[0]));
      out.writeInt(Integer.parseInt(time[1]));
      out.write(tokens.toByteArray());
      out.writeByte(0x13);
      out.writeShort(0xb105);
      out.writeInt(length);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static void token(DataOutputStream out, String name, String[] values) {
    try {
      switch (name) {
        case "arg" -> {
          out.writeByte(0x2d);
          out.writeByte(Integer.parseInt(values[0]));
          out.writeInt(Integer.parseInt(values[2]));
          text(out, values[1]);
        }
        case "exec" -> {
          out.writeByte(0x3c);
          out.writeInt(values.length);
          for (String value : values) {
            out.write(value.getBytes(StandardCharsets.UTF_8));
            out.writeByte(0);
          }
        }
        case "path" -> {
          out.writeByte(0x23);
          text(out, values[0]);
        }
        case "process", "subject" -> {
          out.writeByte(name.equals("process") ? 0x26 : 0x24);
          int uid = Integer.parseInt(values[1]);
          int[] ids = {
            Integer.parseInt(values[0]), uid, uid, uid, uid, Integer.parseInt(values[2])
          };
          for (int id : ids) {
            out.writeInt(id);
          }
          out.writeInt(Integer.parseInt(values[3]));
          out.writeLong(0); // terminal
        }
        case "return" -> {
          out.writeByte(0x27);
          out.writeByte(Integer.parseInt(values[0]));
          out.writeInt(values[0].equals("0") ? 0 : -1);
        }
        default -> throw new IllegalArgumentException(name);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void text(DataOutputStream out, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    out.writeShort(bytes.length + 1);
    out.write(bytes);
    out.writeByte(0);
  }
}
