// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import auditbus.agent.capture.CaptureReport;
import auditbus.agent.trail.TrailSource;
import auditbus.schemas.KernelStatus;
import java.util.Optional;

/** What distribution sees of the capture half: figures for heartbeats. Thread-safe. */
interface CaptureView {
  /** Nothing is captured by this process. */
  CaptureView NONE =
      new CaptureView() {
        @Override
        public Optional<KernelStatus> kernel() {
          return Optional.empty();
        }

        @Override
        public Optional<CaptureReport> report(String source) {
          return Optional.empty();
        }

        @Override
        public Optional<TrailSource.Captured> captured(String source) {
          return Optional.empty();
        }
      };

  /** The kernel's audit status, empty where it may not be asked. */
  Optional<KernelStatus> kernel();

  /** How a source's capture stands, empty where this process does not capture it. */
  Optional<CaptureReport> report(String source);

  /** What is known of the trails a source's capture wrote, empty where there is none. */
  Optional<TrailSource.Captured> captured(String source);
}
