// SPDX-License-Identifier: Apache-2.0
package auditbus.schemas;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CoverageTest {
  @Test
  void inOrderBytes_areOneRange() {
    Coverage coverage = new Coverage();
    for (long position = 0; position < 1000; position += 10) {
      assertThat(coverage.add(position, position + 10)).isEqualTo(10);
    }
    assertThat(coverage.lowMark()).isEqualTo(1000);
    assertThat(coverage.ranges()).isEqualTo(1);
    assertThat(coverage.missing(1000)).isEmpty();
  }

  @Test
  void negativeOrBackwardRange_isRefused() {
    Coverage coverage = new Coverage();
    assertThatThrownBy(() -> coverage.add(-1, 2)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> coverage.add(2, 1)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void anyOrderOfRanges_agreesWithABitPerByte() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 300; round++) {
      Coverage coverage = new Coverage();
      BitSet bits = new BitSet();
      for (int step = 0; step < 60; step++) {
        int position = random.nextInt(200);
        int end = position + random.nextInt(20);
        int before = bits.cardinality();
        bits.set(position, end);
        assertThat(coverage.add(position, end))
            .as("seed %s round %s step %s", seed, round, step)
            .isEqualTo(bits.cardinality() - before);
        check(coverage, bits, random, "seed " + seed);
      }
    }
  }

  private static void check(Coverage coverage, BitSet bits, Random random, String seed) {
    assertThat(coverage.lowMark()).as(seed).isEqualTo(bits.nextClearBit(0));
    assertThat(coverage.end()).as(seed).isEqualTo(bits.length());
    assertThat(coverage.bytes()).as(seed).isEqualTo(bits.cardinality());
    int limit = random.nextInt(240);
    List<Range> holes = new ArrayList<>();
    for (int hole = bits.nextClearBit(0); hole < limit; hole = bits.nextClearBit(hole)) {
      int next = bits.nextSetBit(hole);
      int end = next < 0 ? limit : Math.min(next, limit);
      holes.add(new Range((long) hole, (long) end - hole));
      hole = end;
    }
    assertThat(coverage.missing(limit)).as(seed).isEqualTo(holes);
    int position = random.nextInt(200);
    int end = position + random.nextInt(30);
    assertThat(coverage.covers(position, end))
        .as(seed)
        .isEqualTo(position == end || bits.nextClearBit(position) >= end);
    if (position < end) {
      int run = bits.get(position) ? bits.nextClearBit(position) : bits.nextSetBit(position);
      assertThat(coverage.runEnd(position, end))
          .as(seed)
          .isEqualTo(run < 0 ? end : Math.min(run, end));
    }
    int set = bits.nextSetBit(position);
    assertThat(coverage.touches(position, end)).as(seed).isEqualTo(set >= 0 && set < end);
  }
}
