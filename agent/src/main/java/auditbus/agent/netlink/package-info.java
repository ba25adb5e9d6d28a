// SPDX-License-Identifier: Apache-2.0
/**
 * The kernel's audit door: the socket its records come through, the requests it answers, and the
 * byte layouts of both. The only package that calls out of the JVM.
 */
package auditbus.agent.netlink;
