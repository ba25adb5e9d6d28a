// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.gaps;

import auditbus.schemas.Gap;

/**
 * A gap that is there, before it is known whether that is news.
 *
 * @param gap all of it but host, state, times of opening and closing, and revision
 * @param space the key of the boot it is of, "" where it is of heartbeats
 */
record SpaceDraft(Gap.Builder gap, String space) {}
