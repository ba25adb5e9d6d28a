// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DeadlinesTest {
  private final Deadlines deadlines = new Deadlines();

  @Test
  void keyThatIsPutOff_isDueAtItsNewMomentOnly() {
    deadlines.set("a", 10);
    deadlines.set("a", 20);
    assertThat(deadlines.take(19)).isEmpty();
    assertThat(deadlines.take(20)).containsExactly("a");
    assertThat(deadlines.take(100)).isEmpty();
  }

  @Test
  void keyThatIsBroughtForward_isDueOnce() {
    deadlines.set("a", 20);
    deadlines.setEarlier("a", 30);
    deadlines.setEarlier("a", 10);
    assertThat(deadlines.take(10)).containsExactly("a");
    assertThat(deadlines.take(100)).isEmpty();
  }

  @Test
  void clearedKey_isNotDue_untilItIsSetAgain() {
    deadlines.set("a", 20);
    deadlines.clear("a");
    assertThat(deadlines.take(30)).isEmpty();
    deadlines.set("a", 40);
    assertThat(deadlines.take(40)).containsExactly("a");
  }

  /** Whatever is set, put off and cleared: what is due is what a map says. */
  @Test
  void anyHistory_agreesWithAMap() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    Map<String, Long> model = new HashMap<>();
    for (int now = 0; now < 50_000; now++) {
      String key = "k" + random.nextInt(50);
      long at = (long) now + random.nextInt(100);
      switch (random.nextInt(5)) {
        case 0 -> {
          deadlines.clear(key);
          model.remove(key);
        }
        case 1 -> {
          deadlines.setEarlier(key, at);
          model.merge(key, at, Math::min);
        }
        case 2, 3 -> {
          deadlines.set(key, at);
          model.put(key, at);
        }
        default -> {
          long moment = now;
          List<String> due = model.keySet().stream().filter(k -> model.get(k) <= moment).toList();
          assertThat(deadlines.take(now))
              .as("seed %s, now %s", seed, now)
              .containsExactlyInAnyOrderElementsOf(due);
          due.forEach(model::remove);
        }
      }
      assertThat(deadlines.size()).as("seed %s", seed).isEqualTo(model.size());
    }
  }
}
