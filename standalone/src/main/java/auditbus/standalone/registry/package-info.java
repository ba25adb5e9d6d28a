/**
 * A schema registry inside the process: Confluent's REST API on the JDK's HTTP server, its state in
 * a compacted topic of the broker.
 */
package auditbus.standalone.registry;
