// SPDX-License-Identifier: Apache-2.0
package auditbus.sinks.trail;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CoverageTest {
  @Test
  void coverage_mergesWhatTouches() {
    Coverage coverage = new Coverage();
    coverage.add(10, 20);
    coverage.add(30, 40);
    coverage.add(20, 30);
    assertThat(coverage.spans()).containsExactly(new Span(10, 30));
    assertThat(coverage.holes(50)).containsExactly(new Span(0, 10), new Span(40, 10));
    assertThat(coverage.bytes()).isEqualTo(30);
  }

  @Test
  void coverage_ofNothingCoversTheEmptyTrail() {
    assertThat(new Coverage().covers(0, 0)).isTrue();
    assertThat(new Coverage().holes(0)).isEmpty();
    assertThat(new Coverage().covers(0, 1)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void coverage_agreesWithABitSet(long seed) {
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    Coverage coverage = new Coverage();
    BitSet bits = new BitSet();
    int size = 400;
    int next = 0;
    for (int step = 0; step < 300; step++) {
      int position = random.nextInt(3) > 0 ? next % size : random.nextInt(size);
      int end = position + random.nextInt(12);
      assertThat(coverage.isFree(position, end))
          .as("free %d..%d after %s", position, end, coverage)
          .isEqualTo(position == end ? coverage.isFree(position, end) : free(bits, position, end));
      assertThat(coverage.covers(position, end))
          .isEqualTo(bits.nextClearBit(position) >= end || position == end);
      if (position < end) {
        int run =
            bits.get(position)
                ? bits.nextClearBit(position)
                : bits.nextSetBit(position) < 0 ? end : bits.nextSetBit(position);
        assertThat(coverage.runEnd(position, end)).isEqualTo(Math.min(run, end));
      }
      coverage.add(position, end);
      bits.set(position, end);
      next = end;
      assertThat(coverage.spans()).isEqualTo(spans(bits));
      assertThat(coverage.bytes()).isEqualTo(bits.cardinality());
      assertThat(coverage.end()).isEqualTo(bits.length());
    }
  }

  private static boolean free(BitSet bits, int position, int end) {
    int set = bits.nextSetBit(position);
    return set < 0 || set >= end;
  }

  private static List<Span> spans(BitSet bits) {
    List<Span> spans = new ArrayList<>();
    for (int i = bits.nextSetBit(0); i >= 0; i = bits.nextSetBit(bits.nextClearBit(i))) {
      spans.add(new Span(i, bits.nextClearBit(i) - i));
    }
    return spans;
  }
}
