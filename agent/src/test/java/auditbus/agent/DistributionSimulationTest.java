// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The distribution loop against random histories of trails, a broker that delays, drops, repeats
 * and refuses, and a process that is killed anywhere; see {@link Simulation}.
 *
 * <p>The same histories run at every build; {@code -Dsimulation.seeds=N} runs N new ones, {@code
 * -Dsimulation.seed=S} one of them again.
 */
class DistributionSimulationTest {
  @TempDir Path directory;

  @Test
  void whateverHappens_everyByteArrivesEventsAreWholeAndClosedTrailsAreTrue() throws Exception {
    boolean explore = System.getProperty("simulation.seeds") != null;
    long first = Long.getLong("simulation.seed", explore ? System.nanoTime() : 20_261_120);
    int count =
        System.getProperty("simulation.seed") == null
            ? Integer.getInteger("simulation.seeds", 12)
            : 1;
    Simulation.Totals totals = new Simulation.Totals();
    System.out.println("simulation: seeds " + first + " to " + (first + count - 1));
    for (long seed = first; seed < first + count; seed++) {
      run(seed, Simulation.Crashes.atRandom(), totals);
    }
    System.out.println("simulation: " + totals);
    if (count >= 12) {
      assertThat(totals.crashes()).as("nothing was killed").isPositive();
      assertThat(totals.failures()).as("the broker refused nothing").isPositive();
      assertThat(totals.cutStores()).as("no checkpoint was cut").isPositive();
      assertThat(totals.damaged()).as("no checkpoint was damaged").isPositive();
      assertThat(totals.replaced()).as("no file was replaced").isPositive();
      assertThat(totals.clockSteps()).as("no clock was set").isPositive();
    }
  }

  @Test
  void killedAtEachPointOfOneHistory_theNextRunCoversTheRest() throws Exception {
    long seed = Long.getLong("simulation.seed", 4711);
    Simulation.Totals whole = new Simulation.Totals();
    run(seed, Simulation.Crashes.never(), whole);
    long points = whole.points();
    assertThat(points).isGreaterThan(500);
    long stride = Math.max(1, points / Integer.getInteger("simulation.points", 12));
    Simulation.Totals totals = new Simulation.Totals();
    for (long point = 1; point <= points; point += stride) {
      run(seed, Simulation.Crashes.at(point), totals);
    }
    System.out.println("simulation: killed at every " + stride + ". of " + points + ": " + totals);
    assertThat(totals.crashes()).isPositive();
  }

  private void run(long seed, Simulation.Crashes crashes, Simulation.Totals totals)
      throws Exception {
    Path place = Files.createTempDirectory(directory, "run");
    try (Simulation simulation = new Simulation(place, seed, crashes)) {
      simulation.run();
      totals.add(simulation.totals());
    } catch (AssertionError | Exception e) {
      throw new AssertionError(
          "seed " + seed + ", killed " + crashes + ": repeat with -Dsimulation.seed=" + seed, e);
    }
  }
}
