"""What a log may hold of an error: never its message, which may quote personal data."""

from traceback import extract_tb


def error_facts(error: Exception) -> dict[str, object]:
    """Its type, where it happened, AWS's code."""
    code = getattr(error, "response", {}).get("Error", {}).get("Code")
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
    return {
        "error": type(error).__name__,
        "aws_code": code,
        "aws_operation": getattr(error, "operation_name", None),
        "where": where,
    }
