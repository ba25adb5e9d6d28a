// SPDX-License-Identifier: Apache-2.0
/**
 * What a decoder takes and hands on: a record at its place in a trail, and an event with the places
 * it covers.
 */
package auditbus.agent.event;
