"""What a buffer keeps beside the priorities: slots, keys, groups, columns of items, and files of all that."""
