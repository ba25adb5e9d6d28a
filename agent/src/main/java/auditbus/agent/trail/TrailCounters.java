// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

/**
 * What a writer did since it was made.
 *
 * @param bytesWritten bytes appended, each once
 * @param trailsWritten trails finished under a closing name
 * @param trailsRecovered left-over trails that became crash recoveries
 * @param trailsRemoved finished and acknowledged trails removed
 * @param trailsDropped finished trails removed for room that were not acknowledged
 * @param bytesDropped their bytes, and those of files that were cut or lost under the writer
 * @param vanished times a file being written was gone, replaced or cut
 * @param flushes forces that succeeded
 * @param flushFailures forces that failed; each is tried again
 */
public record TrailCounters(
    long bytesWritten,
    long trailsWritten,
    long trailsRecovered,
    long trailsRemoved,
    long trailsDropped,
    long bytesDropped,
    long vanished,
    long flushes,
    long flushFailures) {}
