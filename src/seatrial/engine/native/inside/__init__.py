"""What runs between seatrial and the service: small scripts for `python -IS`, standard library only.

They are single-threaded, import little, and act on a description that was made elsewhere; they decide nothing.
"""
