// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import auditbus.streams.gaps.GapsJob;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.config.ConfigException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JobConfigTest {
  private static JobConfig with(String... settings) {
    Map<String, String> map = new HashMap<>(Map.of("schema.registry.url", "http://127.0.0.1:1"));
    for (int i = 0; i < settings.length; i += 2) {
      map.put(settings[i], settings[i + 1]);
    }
    return new JobConfig(map);
  }

  @Test
  void streams_isExactlyOnceWithDeadLettersAndBoundedMemory() {
    Properties streams = with().streams("gaps");
    assertThat(streams)
        .containsEntry("application.id", "auditbus-gaps")
        .containsEntry("processing.guarantee", "exactly_once_v2")
        .containsEntry("errors.dead.letter.queue.topic.name", "audit.dead-letters")
        .containsEntry("deserialization.exception.handler", UnreadableRecords.class)
        .containsEntry("processing.exception.handler", UnprocessableRecords.class)
        .containsEntry("rocksdb.config.setter", SmallRocksDb.class)
        .containsEntry("statestore.cache.max.bytes", 16L * 1024 * 1024)
        .containsEntry("state.dir", "/var/lib/auditbus/streams")
        .containsEntry("topic.message.timestamp.after.max.ms", Long.toString(Long.MAX_VALUE))
        .containsEntry("main.consumer.session.timeout.ms", "10000");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "session.timeout.ms",
        "consumer.session.timeout.ms",
        "main.consumer.session.timeout.ms"
      })
  void sessionTimeout_isTheUsersWhereGiven(String name) {
    Properties streams = with(name, "7000").streams("gaps");
    assertThat(streams).containsEntry(name, "7000").doesNotContainValue("10000");
  }

  @Test
  void streamsProtocol_getsNoSessionTimeout() {
    assertThat(with("group.protocol", "streams").streams("gaps"))
        .doesNotContainKey("main.consumer.session.timeout.ms");
  }

  @ParameterizedTest
  @CsvSource({
    "processing.guarantee,at_least_once",
    "application.id,x",
    "num.stream.threads,0",
    "commit.interval.ms,soon"
  })
  void wrongSetting_isRefusedByName(String name, String value) {
    assertThatThrownBy(() -> with(name, value))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(name);
  }

  @Test
  void missingRegistry_isRefusedByName() {
    assertThatThrownBy(() -> new JobConfig(Map.of()))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("schema.registry.url");
  }

  @Test
  void unknown_namesWhatNobodyKnows() {
    assertThat(
            with(
                    "gaps.grace.ms", "1",
                    "gap.grace.ms", "1",
                    "ssl.truststore.location", "/t",
                    "producer.linger.ms", "1",
                    "basic.auth.user.info", "a:b")
                .unknown(List.of(new GapsJob())))
        .containsExactly("gap.grace.ms");
  }

  @Test
  void twoJobsOfOneName_areRefused() {
    assertThatThrownBy(() -> new JobRunner(List.of(new GapsJob(), new GapsJob()), with()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("gaps");
  }

  @Test
  void hostPartitioner_ignoresTheKey() {
    HostPartitioner<String> partitioner = new HostPartitioner<>(value -> value);
    assertThat(partitioner.partitions("t", "key", "web1", 24))
        .isEqualTo(partitioner.partitions("t", "other", "web1", 24))
        .contains(java.util.Set.of(auditbus.schemas.HostPartition.of("web1", 24)));
  }
}
