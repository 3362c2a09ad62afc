"""What is learnt from members' orders: RFM, who will buy again, what is bought together, which kinds of members there are."""
