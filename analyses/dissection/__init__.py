"""Task 1: network dissection. Which concept does each unit of the last five stages respond to?"""
