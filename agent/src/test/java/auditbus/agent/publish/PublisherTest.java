// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.schemas.AgentStatus;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;

class PublisherTest {
  private static final Duration NO_TIME = Duration.ofMillis(1);

  // benchmarks/bin/faults --seconds 180 --seed 1 found it: the producer waits for what it does not
  // know of the topic until the wall clock says that max.block.ms are over; the clock was set back
  // by 40 minutes meanwhile, and for so long the agent published nothing. Here the producer is
  // given ten minutes, which is the same to whoever calls it.
  @Test
  void callThatTakesTooLong_isEndedFromAnotherThread() throws Exception {
    assertThatThrownBy(() -> ended(publisher -> publisher.status(status())))
        .isInstanceOf(ExecutionException.class)
        .hasCauseInstanceOf(PublishException.class);
  }

  @Test
  void questionThatTakesTooLong_isEndedFromAnotherThread() throws Exception {
    ended(publisher -> assertThat(publisher.obstacle()).isPresent());
  }

  private static void ended(Consumer<Publisher> asking) throws Exception {
    try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Publisher publisher =
            new Publisher(
                "testhost",
                1024,
                (_, _) -> new byte[1],
                () ->
                    new KafkaProducer<>(
                        Map.of(
                            "bootstrap.servers",
                            "127.0.0.1:" + silent.getLocalPort(),
                            "max.block.ms",
                            "600000",
                            "request.timeout.ms",
                            "1000"),
                        new ByteArraySerializer(),
                        new ByteArraySerializer()))) {
      publisher.open();
      assertThat(publisher.endLongCall(NO_TIME)).isFalse(); // there is none
      CompletableFuture<Void> call = CompletableFuture.runAsync(() -> asking.accept(publisher));
      long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
      boolean ended = false;
      while (!ended && System.nanoTime() < deadline) {
        assertThat(call).isNotDone();
        assertThat(publisher.endLongCall(Duration.ofMinutes(5))).isFalse();
        ended = publisher.endLongCall(NO_TIME);
        TimeUnit.MILLISECONDS.sleep(10);
      }
      assertThat(ended).isTrue();
      call.get(60, TimeUnit.SECONDS);
    }
  }

  private static AgentStatus status() {
    return AgentStatus.newBuilder()
        .setHost("testhost")
        .setEpoch(1)
        .setVersion("test")
        .setStarted(Instant.EPOCH)
        .setAt(Instant.EPOCH)
        .setSequence(0)
        .setIntervalMs(5000)
        .setRestarts(0)
        .setSources(List.of())
        .build();
  }
}
