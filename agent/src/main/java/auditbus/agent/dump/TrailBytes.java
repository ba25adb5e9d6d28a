// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.dump;

import java.io.Closeable;
import java.io.IOException;

/** Where bytes come from: a file, or what has no end that can be looked up. */
interface TrailBytes extends Closeable {
  /** The name it is shown under. */
  String name();

  /**
   * Reads at most so many bytes.
   *
   * @return how many, -1 if there are none at present
   * @throws IOException if it cannot be read; the message says why
   */
  int read(byte[] into, int at, int most) throws IOException;

  /**
   * Whether all there is at present was read and more may come: what is missing from an event is
   * waited for by the clock then, not by the bytes read since.
   */
  boolean isAtHead();

  @Override
  void close();
}
