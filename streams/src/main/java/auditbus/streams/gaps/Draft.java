// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.Certainty;
import auditbus.schemas.Gap;
import auditbus.schemas.GapKind;
import auditbus.schemas.GapState;
import auditbus.schemas.GapUnit;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.function.Consumer;

/**
 * What facts come to: a gap without its revision and times of publication.
 *
 * @param gap all else of it
 * @param evenIfOver whether it is to be published even where it is closed before it was ever
 *     published as open
 */
record Draft(Gap.Builder gap, boolean evenIfOver) {
  /** A gap's end that is not known. */
  static final long NEVER = Long.MAX_VALUE;

  /** A gap in time of a host. */
  static Gap.Builder of(String host, GapKind kind, Certainty certainty, String id) {
    return Gap.newBuilder()
        .setId(id)
        .setHost(host)
        .setKind(kind)
        .setCertainty(certainty)
        .setState(GapState.OPEN)
        .setUnit(GapUnit.SECONDS)
        .setOpened(Instant.EPOCH);
  }

  /** The same gap as closed: nothing is missing any more. */
  static Gap.Builder close(Gap.Builder gap) {
    return gap.setState(GapState.CLOSED).setMissing(0L);
  }

  /** Hands on what is news of it, with the record's broker time. */
  void say(GapLedger ledger, long brokerMs, Consumer<Gap> out) {
    if (evenIfOver && gap.getState() == GapState.CLOSED && !ledger.knows(gap.getId())) {
      Gap.Builder open = Gap.newBuilder(gap).setState(GapState.OPEN).setMissing(null).setTo(null);
      ledger.revise(open, brokerMs).ifPresent(out);
    }
    ledger.revise(gap, brokerMs).ifPresent(out);
  }

  static Instant instant(long micros) {
    return Instant.EPOCH.plus(micros, ChronoUnit.MICROS);
  }

  static long micros(Instant time) {
    return ChronoUnit.MICROS.between(Instant.EPOCH, time);
  }

  /** At most so many characters of it: state is bounded, and Kafka's texts need not be. */
  static String cut(String text, int most) {
    return text.length() <= most ? text : text.substring(0, most);
  }
}
