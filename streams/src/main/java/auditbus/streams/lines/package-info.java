/** The values of a topic as JSON, one a line. */
package auditbus.streams.lines;
