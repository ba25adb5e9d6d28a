// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.streams.Topology;

/**
 * A streams job: a name and a pure function from configuration to topology.
 *
 * <p>Thread-safe: implementations have no state.
 */
public interface Job {
  /** The job's name, of lower-case letters: its application id is {@code auditbus-} plus it. */
  String name();

  /** The settings that are the job's alone, each named {@code name.…}, with defaults and docs. */
  ConfigDef settings();

  /**
   * The job's topology. Does no I/O and starts nothing.
   *
   * @throws org.apache.kafka.common.config.ConfigException naming a setting that is wrong
   */
  Topology topology(JobConfig config);
}
