"""What runs by itself: bells, hands that answer them, and a tick that finds work whose bell was lost."""
