// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.auparse;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;

/** {@code -Dauditbus.fuzz.inputs=N} runs more than the few seconds' worth of every build. */
class TextFuzzTest {
  private static final long INPUTS = Long.getLong("auditbus.fuzz.inputs", 30_000);

  @Test
  void mutatedText_isCoveredOnceBoundedAndGoesToAvroAndBack() throws IOException {
    long seed = Long.getLong("auditbus.fuzz.seed", System.nanoTime());
    System.out.println("TextFuzzTest: -Dauditbus.fuzz.seed=" + seed);
    try (TextFuzz fuzz = new TextFuzz(seed)) {
      String result = fuzz.run(INPUTS, seed);
      System.out.println(result);
      assertThat(result).contains("no finding");
    }
  }
}
