"""What clients report back: reviews, outcomes and harm."""
