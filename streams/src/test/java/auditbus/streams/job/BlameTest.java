// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.EOFException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.streams.errors.ProcessorStateException;
import org.apache.kafka.streams.errors.StreamsException;
import org.junit.jupiter.api.Test;

class BlameTest {
  @Test
  void whatTheRecordSays_isTheRecords() {
    assertThat(Blame.isTheRecords(new IllegalArgumentException("length is -1"))).isTrue();
    assertThat(Blame.isTheRecords(new SerializationException("magic is 1"))).isTrue();
    assertThat(Blame.isTheRecords(new SerializationException("cut", new EOFException()))).isTrue();
  }

  @Test
  void whatTheWorldDoes_isNotTheRecords() {
    assertThat(Blame.isTheRecords(new ProcessorStateException("disk full"))).isFalse();
    assertThat(Blame.isTheRecords(new StreamsException("fenced"))).isFalse();
    assertThat(Blame.isTheRecords(new RuntimeException("x", new TimeoutException("y")))).isFalse();
    assertThat(Blame.isTheRecords(new TopicAuthorizationException("no"))).isFalse();
  }

  @Test
  void text_isOneLineOfEachMessageOnce() {
    assertThat(
            Blame.text(
                new StreamsException("a\n  b", new StreamsException("c", new Exception("c")))))
        .isEqualTo("a b: c");
  }
}
