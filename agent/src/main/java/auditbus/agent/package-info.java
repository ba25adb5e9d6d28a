// SPDX-License-Identifier: Apache-2.0
/** The agent put together: configuration, sources, the distribution loop and the command line. */
package auditbus.agent;
