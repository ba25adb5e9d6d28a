// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;

/** Makes faults happen, and undoes them. Thread-safe for faults of different targets. */
final class Happening {
  private static final int BEAT_MILLIS = 300;

  private final Rig rig;
  private final Generator generator;
  private final Clocks clocks;
  private final Looks looks;

  Happening(Rig rig, Generator generator, Clocks clocks, Looks looks) {
    this.looks = looks;
    this.rig = rig;
    this.generator = generator;
    this.clocks = clocks;
  }

  /** From beginning to end; what can be undone is undone when this returns. */
  void run(Fault fault) throws IOException, InterruptedException {
    switch (fault.kind()) {
      case KILL -> kill(fault);
      case STOP -> stop(fault);
      case REFUSE -> network(rig.kafka, Proxy.Mode.REFUSE, fault);
      case BLACKHOLE -> network(rig.kafka, Proxy.Mode.BLACK_HOLE, fault);
      case SLOW -> network(rig.kafka, Proxy.Mode.SLOW, fault);
      case CUT -> cut(fault);
      case REGISTRY -> network(rig.registry, Proxy.Mode.REFUSE, fault);
      case DISK -> fill(fault);
      case CLOCK -> step(fault);
      case ROTATE -> generator.rotate();
      case TRUNCATE -> generator.truncate();
      case REPLACE -> generator.replace();
      case TEAR -> tear(fault);
      case CHECKPOINT -> damage(fault);
      case RELOAD -> reload(fault);
    }
  }

  private void kill(Fault fault) throws IOException, InterruptedException {
    Node node = node(fault.target());
    node.kill();
    Thread.sleep(fault.millis());
    node.start();
  }

  private void stop(Fault fault) throws IOException, InterruptedException {
    Node node = node(fault.target());
    node.signal("STOP");
    Thread.sleep(fault.millis());
    node.signal("CONT");
  }

  private static void network(Proxy proxy, Proxy.Mode mode, Fault fault)
      throws InterruptedException {
    proxy.set(mode);
    Thread.sleep(fault.millis());
    proxy.set(Proxy.Mode.PASS);
  }

  private void cut(Fault fault) throws InterruptedException {
    for (int passed = 0; passed < fault.millis(); passed += BEAT_MILLIS) {
      rig.kafka.cut();
      Thread.sleep(BEAT_MILLIS);
    }
  }

  private void fill(Fault fault) throws IOException, InterruptedException {
    SmallDisk disk =
        switch (fault.target()) {
          case "broker" -> rig.brokerDisk;
          case "agent" -> rig.agentDisk;
          case Schedule.CAPTURE -> rig.captureDisk.orElseThrow();
          default -> rig.sinkDisk;
        };
    disk.fill();
    Thread.sleep(fault.millis());
    disk.free();
  }

  private void step(Fault fault) throws IOException, InterruptedException {
    int seconds = new Random(fault.random()).nextInt(-7_200, 7_200);
    clocks.step(fault.target(), seconds);
    Thread.sleep(fault.millis());
    clocks.step(fault.target(), 0);
  }

  private void tear(Fault fault) throws IOException, InterruptedException {
    rig.agent.kill();
    generator.tear();
    Thread.sleep(fault.millis());
    rig.agent.start();
  }

  // Every third time with the one before it, which the agent falls back on.
  private void damage(Fault fault) throws IOException, InterruptedException {
    rig.agent.kill();
    Random random = new Random(fault.random());
    damage(rig.checkpoint(), random);
    if (random.nextInt(3) == 0) {
      damage(rig.earlierCheckpoint(), random);
      looks.forget();
    }
    Thread.sleep(fault.millis());
    rig.agent.start();
  }

  // In place: the disk may be full.
  private static void damage(Path file, Random random) throws IOException {
    if (!Files.exists(file)) {
      return;
    }
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      int size = Math.toIntExact(channel.size());
      if (random.nextBoolean()) {
        channel.truncate(random.nextInt(size + 1));
      } else if (size > 0) {
        for (int flips = 1 + random.nextInt(5); flips > 0; flips--) {
          int position = random.nextInt(size);
          ByteBuffer one = ByteBuffer.allocate(1);
          channel.read(one, position);
          one.put(0, (byte) (one.get(0) ^ 1 << random.nextInt(8)));
          channel.write(one.rewind(), position);
        }
      }
    }
  }

  private void reload(Fault fault) throws IOException, InterruptedException {
    byte[] right = Files.readAllBytes(rig.agentConfig());
    for (int passed = 0, turn = 0; passed < fault.millis(); passed += BEAT_MILLIS, turn++) {
      if (!rig.agentLooks()) {
        // Without a handler yet, the signal would end it.
        Thread.sleep(BEAT_MILLIS);
        continue;
      }
      if (turn % 2 == 0) {
        Files.writeString(rig.agentConfig(), "no.such.key=1\n");
      } else {
        Files.write(rig.agentConfig(), right);
      }
      rig.agent.signal("HUP");
      Thread.sleep(BEAT_MILLIS);
    }
    Files.write(rig.agentConfig(), right);
    if (rig.agentLooks()) {
      rig.agent.signal("HUP");
    }
  }

  private Node node(String name) {
    return rig.nodes().stream()
        .filter(node -> node.name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException(name));
  }
}
