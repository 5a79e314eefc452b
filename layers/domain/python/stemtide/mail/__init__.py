"""Mail: what may be sent to whom and when, claimed before it is sent, never sent twice."""
