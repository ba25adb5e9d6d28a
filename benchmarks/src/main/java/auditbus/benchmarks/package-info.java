// SPDX-License-Identifier: Apache-2.0
/** What the measurements of whole programs need: input like a host's own, of any size. */
package auditbus.benchmarks;
