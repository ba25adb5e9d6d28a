// SPDX-License-Identifier: Apache-2.0
/**
 * The contract: every topic, the Avro types generated into this package, their serdes and the
 * schema registry client.
 */
package auditbus.schemas;
