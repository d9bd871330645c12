"""Assignments: student copies of solved notebooks, and grading of what comes back."""
