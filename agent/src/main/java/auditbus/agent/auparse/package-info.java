/**
 * Linux audit text, as auditd and the kernel write it: a line becomes a record, the records of one
 * node, time and serial become an event.
 */
package auditbus.agent.auparse;
