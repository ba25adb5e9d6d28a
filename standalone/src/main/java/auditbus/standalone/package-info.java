/** Everything of auditbus in one process, on an embedded broker with its data on disk. */
package auditbus.standalone;
