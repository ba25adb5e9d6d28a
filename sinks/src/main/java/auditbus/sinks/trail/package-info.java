// SPDX-License-Identifier: Apache-2.0
/** The trail file sink: writes every trail back, byte for byte, and proves that it is whole. */
package auditbus.sinks.trail;
