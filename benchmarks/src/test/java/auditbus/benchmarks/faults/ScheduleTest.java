// SPDX-License-Identifier: Apache-2.0
package auditbus.benchmarks.faults;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ScheduleTest {
  private static final List<Kind> ALL = List.of(Kind.values());

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 99})
  void isOfTheSeedAlone(long seed) {
    assertThat(Schedule.of(seed, 180, ALL, true)).isEqualTo(Schedule.of(seed, 180, ALL, true));
    assertThat(Schedule.of(seed, 180, ALL, true))
        .isNotEqualTo(Schedule.of(seed + 1, 180, ALL, true));
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 99})
  void threeMinutesHaveEveryKindToEveryTarget(long seed) {
    Set<String> happened =
        Schedule.of(seed, 180, ALL, true).planned().stream()
            .map(planned -> planned.fault().kind().label() + " " + planned.fault().target())
            .collect(Collectors.toSet());
    assertThat(happened)
        .hasSize(28)
        .contains("kill broker", "stop worker", "disk agent", "disk capture", "clock agent");
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2})
  void withoutTheKernelNothingHappensToItsAgent(long seed) {
    assertThat(Schedule.of(seed, 180, ALL, false).planned())
        .isNotEmpty()
        .noneMatch(planned -> planned.fault().target().equals(Schedule.CAPTURE));
  }
}
