def longest_palindrome(text):
    """Return the longest palindrome in `text`, the leftmost of equal ones."""
    best = ""
    for middle in range(len(text)):
        for width in (0, 1):
            left, right = middle, middle + width
            while left >= 0 and right < len(text) and text[left] == text[right]:
                left -= 1
                right += 1
            found = text[left + 1 : right]
            if len(found) > len(best):
                best = found
    return best
